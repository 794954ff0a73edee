export { type NewsHandler, NewsReader, NewsWriter, type OpenedLink } from './news.ts'
export { type OrderHandler, OrderReader, OrderWriter } from './orders.ts'
export { type Budgeted, ReadBudget } from './read-budget.ts'
