import { createContext, useContext } from "react";

import type { Session } from "../core/session";

export const SessionContext = createContext<Session | null>(null);

/** Returns the session of the app. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("useSession needs a SessionContext");
  return session;
}
