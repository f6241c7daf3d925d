import { Memory, openMemory } from "./memory";
import { deviceSuite } from "./suite";

deviceSuite("A Device in memory", () => {
  const memory = new Memory();
  return async () => openMemory(memory);
});
