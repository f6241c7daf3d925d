import { keep } from "./keep";

const mockChain = new Map<string, string>();
jest.mock("expo-secure-store", () => {
  /** The same check as the keychain's. */
  const checked = (key: string) => {
    if (!/^[\w.-]+$/.test(key)) throw new Error(`${key} is not a valid key`);
    return key;
  };
  return {
    getItemAsync: async (key: string) => mockChain.get(checked(key)) ?? null,
    setItemAsync: async (key: string, value: string) => void mockChain.set(checked(key), value),
    deleteItemAsync: async (key: string) => void mockChain.delete(checked(key)),
  };
});

test("Values are stored until they are removed", async () => {
  expect(await keep.read("server")).toBeNull();
  await keep.write("server", "https://chat.example.org");
  await keep.write("identity", '{"client":"ann"}\u2028');
  await keep.write("language", "");
  expect(await keep.read("server")).toBe("https://chat.example.org");
  expect(await keep.read("identity")).toBe('{"client":"ann"}\u2028');
  expect(await keep.read("language")).toBe("");
  await keep.write("server", "http://other");
  await keep.write("identity", null);
  expect(await keep.read("server")).toBe("http://other");
  expect(await keep.read("identity")).toBeNull();
  expect([...mockChain.keys()]).toEqual(["restante.server", "restante.language"]);
});
