import { createHash } from "node:crypto";

import { platform } from "./platform";

const mockHash = createHash;
const mockFiles = new Map<string, object>();
let mockFails = false;
jest.mock("expo-crypto", () => ({
  CryptoDigestAlgorithm: { SHA256: "SHA-256" },
  randomUUID: () => "a UUID",
  digestStringAsync: async (_: "SHA-256", text: string) => mockHash("sha256").update(text).digest("hex"),
}));
const mockChain = new Map<string, string>();
jest.mock("expo-secure-store", () => ({
  getItemAsync: async (key: string) => mockChain.get(key) ?? null,
  setItemAsync: async (key: string, value: string) => void mockChain.set(key, value),
  deleteItemAsync: async (key: string) => void mockChain.delete(key),
}));
jest.mock("./connectivity", () => ({ connectivity: {} }));
jest.mock("expo-sqlite", () => ({
  openDatabaseAsync: async (file: string) => {
    if (mockFails) throw new Error("no space is left");
    const db = { execAsync: async () => undefined, closeAsync: async () => undefined };
    mockFiles.set(file, db);
    return db;
  },
  deleteDatabaseAsync: async (file: string) => void mockFiles.delete(file),
}));

beforeEach(() => {
  mockFiles.clear();
  mockChain.clear();
  mockFails = false;
});

test("a phone asks for the server, and opens WebSockets at once", () => {
  expect(platform).toMatchObject({ server: null, negotiates: false });
  expect(platform.takeToken()).toBeNull();
  expect(platform.newID()).toBe("a UUID");
});

test("each client of each server has a separate file with a plain name", async () => {
  const oddName = "../Ann ü".repeat(16);
  await platform.device("https://chat.example.org", "ann");
  await platform.device("https://chat.example.org", "ann");
  await platform.device("https://chat.example.org", oddName);
  await platform.device("http://chat.example.org", "ann");
  expect(mockFiles.size).toBe(3);
  for (const file of mockFiles.keys()) expect(file).toMatch(/^[0-9a-f]{64}\.db$/);
});

test("erase deletes the client's file", async () => {
  await platform.device("https://chat.example.org", "bob");
  const ann = await platform.device("https://chat.example.org", "ann");
  await ann.erase();
  expect(mockFiles.size).toBe(1);
});

test("erase of the platform deletes the files of all clients, open or not, and all values", async () => {
  const ann = await platform.device("https://chat.example.org", "ann");
  ann.close();
  await platform.device("https://other.example.org", "bob");
  await platform.keyValues.write("identity", "x");
  mockChain.set("restante.server", "of an earlier version");
  mockChain.set("another", "app's");
  expect(mockFiles.size).toBe(2);
  await platform.erase();
  expect([mockFiles.size, [...mockChain.keys()]]).toEqual([0, ["another"]]);
});

test("if no file can be opened, the data is kept in memory", async () => {
  mockFails = true;
  const device = await platform.device("https://chat.example.org", "ann");
  await device.set("read:lobby", 1);
  expect(await device.get("read:lobby")).toBe(1);
});
