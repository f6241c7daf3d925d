import { scriptAddress } from "./scripts.web";

/** The files that are being loaded or have been loaded, by their addresses. */
const files = new Map<string, Promise<void>>();

/** Loads a file of the page. A file that could not be loaded is tried again the next time. */
function load(address: string): Promise<void> {
  const known = files.get(address);
  if (known !== undefined) return known;
  const loading = new Promise<void>((resolve, reject) => {
    const script = document.createElement("script");
    script.src = scriptAddress(address) as string; // the types of the page know no trusted addresses
    script.onload = () => resolve();
    script.onerror = () => {
      script.remove();
      files.delete(address);
      reject(new Error(`${address} cannot be loaded`));
    };
    document.head.append(script);
  });
  files.set(address, loading);
  return loading;
}

/** Lets `import()` load parts of the app when they are needed. The bundler calls this function by its name. */
export function loadChunksOnDemand(): void {
  Object.assign(globalThis, { __loadBundleAsync: load });
}
