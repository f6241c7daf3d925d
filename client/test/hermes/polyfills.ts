// What Hermes 0.12 lacks and the Hermes of phones has, and the TextDecoder that Expo puts on phones. They must exist before the
// class URL is loaded.
import { TextDecoder } from "expo/src/winter/TextDecoder";

class TextEncoder {
  encode(text = ""): Uint8Array {
    return Uint8Array.from(unescape(encodeURIComponent(text)), (c) => c.charCodeAt(0));
  }
}

function at<T>(this: ArrayLike<T>, index: number): T | undefined {
  return this[index < 0 ? this.length + index : index];
}

Object.assign(globalThis, { TextDecoder, TextEncoder });
// eslint-disable-next-line no-extend-native -- the VM lacks the method
Object.defineProperty(Array.prototype, "at", { value: at });
