/** A random UUID. */
export { randomUUID as newID } from "expo-crypto";
