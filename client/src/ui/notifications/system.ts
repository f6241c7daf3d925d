/** What the browser says about notifications; "none" if it shows none on this page. */
export function permission(): NotificationPermission | "none" {
  return "Notification" in globalThis && globalThis.isSecureContext ? Notification.permission : "none";
}

/** Asks the user, through the browser, whether the page may show notifications. */
export async function askPermission(): Promise<boolean> {
  try {
    return (await Notification.requestPermission()) === "granted";
  } catch {
    return false;
  }
}

/** A message to notify of. */
export interface Notice {
  readonly title: string;
  readonly body: string;
  readonly room: string;
  readonly seq: number;
}

/** The notifications of the page that are shown, one for each room. */
export class Notices {
  readonly #shown = new Map<string, Notification>();
  readonly #open: (room: string, seq: number) => void;

  constructor(open: (room: string, seq: number) => void) {
    this.#open = open;
  }

  /** Shows a notification. It takes the place of an earlier one of the room. A press on it opens the room at the message. */
  show({ title, body, room, seq }: Notice): void {
    const options = { body, tag: `restante ${room}`, renotify: true, icon: "/icon-192.png", data: { room, seq } };
    try {
      const notification = new Notification(title, options);
      this.#shown.set(room, notification);
      notification.onclick = () => {
        window.focus();
        this.#open(room, seq);
        notification.close();
      };
    } catch {
      // Browsers on phones let only the service worker show notifications. It also handles the press, see scripts/sw.js.
      void navigator.serviceWorker
        ?.getRegistration()
        .then((worker) => worker?.showNotification(title, options))
        .catch(() => undefined); // without a worker there is none
    }
  }

  /** Removes the notification of a room that was read. */
  remove(room: string): void {
    this.#shown.get(room)?.close();
    this.#shown.delete(room);
  }

  /** Calls open for presses that the service worker tells of. The returned function ends this. */
  listen(): () => void {
    const told = ({ data }: MessageEvent<unknown>) => {
      if (typeof data !== "object" || data === null || !("room" in data) || !("seq" in data)) return;
      if (typeof data.room === "string" && typeof data.seq === "number") this.#open(data.room, data.seq);
    };
    navigator.serviceWorker?.addEventListener("message", told);
    return () => {
      navigator.serviceWorker?.removeEventListener("message", told);
      for (const room of [...this.#shown.keys()]) this.remove(room);
    };
  }
}
