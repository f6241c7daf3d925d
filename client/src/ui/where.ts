/** The current screen: a room, or the list of rooms (null). */
export interface Place {
  readonly room: string | null;
  readonly show: (room: string) => void;
  readonly back: () => void;
}
