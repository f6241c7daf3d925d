import { scriptAddress, type TrustedScriptURL } from "./scripts.web";

declare global {
  interface ServiceWorkerContainer {
    register(url: TrustedScriptURL): Promise<ServiceWorkerRegistration>;
  }
}

/**
 * Registers the service worker, so that the page opens offline from the next visit on. Browsers allow this over https and on
 * localhost. Called once. The page also works if it fails.
 */
export function goOffline(): void {
  if (process.env.NODE_ENV !== "production" || !window.isSecureContext || !("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register(scriptAddress("/sw.js")).catch(() => undefined);
}
