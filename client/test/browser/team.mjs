// What a team writes, for pictures: five people, some rooms, and texts that are hard to draw well.
export const people = ["Mara Lindqvist", "Otto", "Noor", "jens.k", "Ana Beatriz"];
export const talk = {
  general: [
    ["Mara Lindqvist", "Good morning everybody ☀️"],
    ["Otto", "morning"],
    [
      "Noor",
      "Morning! Quick reminder: all-hands at 11:00, agenda is here https://wiki.example.org/spaces/TEAM/pages/48192/All-hands+agenda+November",
    ],
    ["Mara Lindqvist", "Thanks Noor. I'd like to add a point about the on-call rota, five minutes are enough."],
    ["Ana Beatriz", "The new coffee machine has arrived 🎉🎉🎉"],
    ["Ana Beatriz", "(third floor, next to the printer that nobody uses)"],
    ["Otto", "😂"],
    [
      "jens.k",
      "@Mara Lindqvist can you move the demo to Thursday? The customer is travelling on Wednesday and would join from the train, which never works.",
    ],
    ["Mara Lindqvist", "Thursday 14:00 works for me. Otto?"],
    ["Otto", "fine"],
    [
      "Noor",
      "Notes from the retro:\n- release checklist is too long, Jens proposes to split it\n- flaky test in billing: Otto looks at it\n- **we stop** deploying on Friday afternoon\n- thank-you to Ana for the night shift",
    ],
    ["jens.k", "+1 for the last one 👏"],
    [
      "Mara Lindqvist",
      "One more: the contract with the hosting company ends in January. There is a comparison in the drive, please comment until Friday: https://drive.example.org/d/1rJ9mQhVv8wYtZ4x0b2nP7kLs6uEaGcFdHiJoKqRsTuV/edit?usp=sharing&resourcekey=0-abcdEFGHijklMNOPqrstUV#gid=1849203948",
    ],
    ["Ana Beatriz", "Will do."],
    ["Noor", "صباح الخير، سأكون متصلة من البيت اليوم"],
    ["Otto", "Does somebody have the floor plan as PDF? I only find the photo from last year."],
    ["Ana Beatriz", "I'll mail it to you, one can't attach files here, can one?"],
    ["Otto", "no 😕"],
  ],
  backend: [
    ["jens.k", "Deploy of 2.14.0 is through, error rate looks normal so far"],
    [
      "Otto",
      "I see a lot of these since 09:12:\n```\nERROR 2026-11-28T09:12:44.120Z billing.worker panic: runtime error: invalid memory address or nil pointer dereference\ngoroutine 118 [running]:\nmain.(*Worker).charge(0xc0001a2000, {0x1234, 0x5678})\n\t/src/billing/worker.go:214 +0x1a4\nmain.(*Worker).Run(0xc0001a2000)\n\t/src/billing/worker.go:88 +0x7c\n```",
    ],
    ["jens.k", "that's the retry path, `charge()` gets a nil invoice when the provider answers 409"],
    [
      "jens.k",
      'Fix:\n```go\nif inv == nil {\n\treturn fmt.Errorf("charge %s: %w", id, ErrConflict)\n}\n```\nreview please',
    ],
    ["Otto", "LGTM, one nit: wrap it with the provider's request id, otherwise we can't find it in their log"],
    ["Mara Lindqvist", "Can you run `kubectl -n prod rollout undo deploy/billing-worker` until that is merged?"],
    ["jens.k", "done, 2.13.4 is back"],
    [
      "Otto",
      "SELECT count(*), status FROM invoices WHERE updated_at > now() - interval '1 hour' GROUP BY status; -- gives 41 pending, 3 failed, rest ok",
    ],
    ["Noor", "Customers affected? I need a number for support."],
    ["jens.k", "3"],
    ["Noor", "Thanks. I write to them."],
    [
      "Otto",
      "For the record the full id of the trace is 4bf92f3577b34da6a3ce929d0e0e4736f92f3577b34da6a3ce929d0e0e47364bf92f3577b34da6a3ce929d0e0e4736",
    ],
    ["jens.k", "merged, deploying 2.14.1"],
    ["jens.k", "https://git.example.org/shop/billing/-/merge_requests/1182"],
    ["Otto", "👍"],
  ],
  design: [
    [
      "Ana Beatriz",
      "New colours for the invoice mail, what do you think? I can't paste the picture here so: https://figma.example.org/file/kJ8sQ/Invoice-mail?node-id=12%3A90",
    ],
    ["Mara Lindqvist", "I like the second one. The grey of the footer is hard to read."],
    ["Ana Beatriz", "#8a8a8a → #6b6b6b then"],
    ["Mara Lindqvist", "🙌"],
  ],
  oncall: [
    ["alerts", "[FIRING] HighErrorRate billing-worker 4.2% > 1% for 5m"],
    ["jens.k", "ack"],
    ["alerts", "[RESOLVED] HighErrorRate billing-worker"],
  ],
  random: [
    ["Otto", "Who ate my yoghurt"],
    ["Noor", "It had a name on it?"],
    ["Otto", "Otto's. In capitals. On both sides."],
    ["Ana Beatriz", "🕵️‍♀️"],
    ["jens.k", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"],
    [
      "Noor",
      "日本語も書けますか？ はい、書けます。長い文章も問題なく折り返されるはずです。試しに少し長めに書いてみます。",
    ],
  ],
};
