/** Who can read along between the app and a server: nobody, everybody in this network, or everybody on the way. */
export type Exposure = "nobody" | "network" | "anybody";

/**
 * Returns who can read along on the way to an origin. Without TLS the app talks only to addresses that cannot leave one's own
 * network. A name of the DNS may lead anywhere, today or tomorrow, so it never counts as one's own.
 */
export function exposureOf(origin: string): Exposure {
  const [, scheme, host] = /^(https?):\/\/(\[[^\]]*\]|[^:/?#@\\]*)(?::\d+)?$/i.exec(origin) ?? [];
  if (scheme === undefined || host === undefined) return "anybody";
  return scheme.toLowerCase() === "https" ? "nobody" : reach(host.toLowerCase());
}

function reach(host: string): Exposure {
  if (host.startsWith("[")) return reach6(host.slice(1, -1));
  const numbers = host.split(".");
  const last = numbers.at(-1) ?? "";
  if (/^(\d+|0x[0-9a-f]*)$/.test(last)) return reach4(numbers); // an address, in whatever notation
  return reachOfName(host);
}

/** A label of a name. Others are refused: two parsers may take them for different names. */
const label = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;

/** Names without a dot and those that end with .local are asked for in the own network only. */
function reachOfName(name: string): Exposure {
  const labels = name.split(".");
  if (!labels.every((part) => label.test(part))) return "anybody";
  if (labels.at(-1) === "localhost") return "nobody";
  return labels.length === 1 || labels.at(-1) === "local" ? "network" : "anybody";
}

/** The private ranges of RFC 1918, and link-local addresses. 100.64.0.0/10 is not one's own: a carrier's customers share it. */
function reach4(numbers: readonly string[]): Exposure {
  if (numbers.length !== 4 || !numbers.every((n) => /^(0|[1-9]\d{0,2})$/.test(n) && Number(n) < 256)) return "anybody";
  const [a, b] = numbers.map(Number) as [number, number];
  if (a === 127) return "nobody";
  const own = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 169 && b === 254);
  return own ? "network" : "anybody";
}

/** Unique local addresses (fc00::/7), link-local ones (fe80::/10), and IPv4 addresses in the form of IPv6. */
function reach6(address: string): Exposure {
  const groups = groupsOf(address);
  if (groups === null) return "anybody";
  const [first] = groups as [number];
  if (groups.slice(0, 7).every((group) => group === 0) && groups[7] === 1) return "nobody";
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return reach4(groups.slice(6).flatMap((group) => [String(group >> 8), String(group & 0xff)]));
  }
  return (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80 ? "network" : "anybody";
}

/** Returns the eight groups of an IPv6 address, null if it is not one. */
function groupsOf(address: string): readonly number[] | null {
  const halves = address.split("::");
  const [before, after] = halves.map((half) => (half === "" ? [] : half.split(":"))) as [string[], string[]?];
  const missing = 8 - before.length - (after?.length ?? 0);
  if (halves.length > 2 || (after === undefined ? missing !== 0 : missing < 1)) return null;
  const groups = [...before, ...Array.from({ length: after === undefined ? 0 : missing }, () => "0"), ...(after ?? [])];
  return groups.every((group) => /^[0-9a-f]{1,4}$/.test(group)) ? groups.map((group) => parseInt(group, 16)) : null;
}
