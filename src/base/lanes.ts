/** Which lane of a link carries what (spec chapter 4). */

/** Lanes of a link that has several; a stream has lane 0 only. */
export const LANE_COUNT = 64
/** Session-wide frames; leaves before all others. */
export const CONTROL_LANE = 0
/** Reserved for bulk data; uses what the others leave. */
export const BULK_LANE = 1
/** The first lane of conversations. */
export const FIRST_CONVERSATION_LANE = 2

/** Lanes that conversations share. */
export const CONVERSATION_LANES: number = LANE_COUNT - FIRST_CONVERSATION_LANE

/** The lane that a conversation's frames travel on; 0 stands for the session. */
export function laneOf(conversation: number): number {
  //= PAL-STR-010, PAL-STR-011
  return conversation === 0 ? CONTROL_LANE : FIRST_CONVERSATION_LANE + (conversation % CONVERSATION_LANES)
}
