/** Where one is in the app: in a room, or at the list of rooms. */
export interface Place {
  readonly room: string | null;
  readonly show: (room: string) => void;
  readonly back: () => void;
}
