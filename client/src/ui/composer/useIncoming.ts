import type { IncomingOptions } from "./incoming";

/** Nothing: phones hand over no files, and long texts are cut when they are in the field. */
export function useIncoming(_options: IncomingOptions): void {
  return undefined;
}
