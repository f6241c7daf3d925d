import { eraseKeyValues, keyValues } from "./keyvalues";
import { checkStoring } from "./keyvalues.suite";

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
  await checkStoring(keyValues);
  expect([...mockChain.keys()]).toEqual(["restante.server", "restante.language"]);
});

test("All values of the app can be erased, also those of keys that are new", async () => {
  mockChain.set("another", "app's");
  for (const key of ["server", "new.1", "later", "new.1", "tab.identity"]) await keyValues.write(key, "x");
  await eraseKeyValues();
  expect([...mockChain.keys()]).toEqual(["another"]);
  expect(await keyValues.read("tab.identity")).toBeNull();
});

test("The values of the run of the app are not in the keychain", async () => {
  await keyValues.write("tab.identity", "ann");
  expect(await keyValues.read("tab.identity")).toBe("ann");
  expect([...mockChain.keys()]).not.toContain("restante.tab.identity");
  await keyValues.write("tab.identity", null);
  expect(await keyValues.read("tab.identity")).toBeNull();
});
