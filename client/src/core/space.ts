import type { Device } from "./device";

/** How often history is removed for one change that does not fit. */
const mostRounds = 16;
/** How many messages of the last room stay, one after the other. */
const lastSizes = [1_000, 100, 0];

/** Whether an error says that the device has no space left. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof Error) && !(error instanceof DOMException)) return false;
  return error.name === "QuotaExceededError" || /SQLITE_FULL|is full/.test(error.message);
}

/**
 * Makes a change. If it does not fit, history gives way to it: it can be fetched again. The rooms that the client has left go first,
 * then half of the others, those without messages for the longest time, until it fits. The change must be of one that cannot be
 * fetched again.
 */
export async function withSpace(
  device: Pick<Device, "get" | "histories" | "prune">,
  change: () => Promise<void>,
  full: () => void,
): Promise<void> {
  let lastSize = 0;
  for (let round = 0; ; round++) {
    try {
      return await change();
    } catch (error) {
      if (!isFull(error)) throw error;
      full();
      const rooms = await byUse(device);
      const [only] = rooms;
      if (only === undefined || round >= mostRounds || lastSize >= lastSizes.length) throw error;
      if (rooms.length > 1) for (const room of rooms.slice(0, Math.ceil(rooms.length / 2))) await device.prune(room, 0);
      else await device.prune(only, lastSizes[lastSize++] ?? 0);
    }
  }
}

/** Returns the rooms that have a history, the least used first. */
async function byUse(device: Pick<Device, "get" | "histories">): Promise<readonly string[]> {
  const [histories, joined] = [await device.histories(), new Set(await device.get("rooms"))];
  const rank = ({ room, at }: { readonly room: string; readonly at: string }) => `${joined.has(room) ? 1 : 0} ${at}`;
  return [...histories].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).map(({ room }) => room);
}
