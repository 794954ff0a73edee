/** The lane of session-wide frames (spec chapter 13). */
export const CONTROL_LANE = 0

const FIRST_CONVERSATION_LANE = 2
const CONVERSATION_LANES = 62

/** The lane that a conversation's frames travel on; 0 stands for the session. A stream has only lane 0. */
export function laneOf(conversation: number): number {
  return conversation === 0 ? CONTROL_LANE : FIRST_CONVERSATION_LANE + (conversation % CONVERSATION_LANES)
}
