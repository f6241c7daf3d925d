import type { KeyValueStore } from "../core/device";

/** Checks that values are stored until they are removed. It leaves a server and a language, and no identity. */
export async function checkStoring(keyValues: KeyValueStore): Promise<void> {
  expect(await keyValues.read("server")).toBeNull();
  await keyValues.write("server", "https://chat.example.org");
  await keyValues.write("identity", '{"client":"ann"}\u2028');
  await keyValues.write("language", "");
  expect(await keyValues.read("server")).toBe("https://chat.example.org");
  expect(await keyValues.read("identity")).toBe('{"client":"ann"}\u2028');
  expect(await keyValues.read("language")).toBe("");
  await keyValues.write("server", "http://other");
  await keyValues.write("identity", null);
  expect(await keyValues.read("server")).toBe("http://other");
  expect(await keyValues.read("identity")).toBeNull();
}
