// What the programs share: the settings, lines of JSON in and out.
import {createInterface} from 'node:readline';

/** The arguments before the settings. */
export const args = process.argv.slice(2, -1);

export const settings = JSON.parse(process.argv.at(-1));

export const say = line => process.stdout.write(JSON.stringify(line) + '\n');

export const show = ({seq, msg, id}) => say({seq, msg, id});

/** Obeys the harness until it says stop. send(text, id) resolves when the text is stored. */
export async function obey(send) {
  for await (const line of createInterface({input: process.stdin})) {
    const command = JSON.parse(line);
    if (command.stop) return;
    const id = crypto.randomUUID();
    send(command.send, id).then(() => say({sent: command.send, id}), e => say({failed: command.send, error: String(e)}));
  }
}
