import { runInThisContext } from "node:vm";

/** Runs an action in a time zone. Jest gives tests a copy of the environment, but the engine reads the zone of the real one. */
export function inZone<T>(zone: string, action: () => T): T {
  const { env } = runInThisContext("process") as NodeJS.Process;
  const before = env.TZ;
  env.TZ = zone;
  try {
    return action();
  } finally {
    if (before === undefined) delete env.TZ;
    else env.TZ = before;
  }
}
