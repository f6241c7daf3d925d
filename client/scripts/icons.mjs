// Draws the icons of the web page and of the apps from public/icon.svg, with Chromium. The results are committed. Run it
// again after a change of the drawing.
//
//   node scripts/icons.mjs [CHROMIUM]
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("..", import.meta.url));
const drawing = await readFile(`${root}public/icon.svg`, "utf8");
const square = drawing.replace(' rx="15"', ""); // phones cut the corners themselves
const mark = drawing.replace(/<rect[^>]*>/, "");
// Android draws this icon in a single colour, so the blue part of the others must be transparent in it.
const stencil = mark
  .replace("<g ", '<mask id="stencil"><g ')
  .replace("#2f56d0", "#000")
  .replace("</g>", '</g></mask><rect width="64" height="64" fill="#fff" mask="url(#stencil)"/>');

/** Changes the view box so that each side has a margin, given as a fraction of the whole. */
function within(svg, margin) {
  const size = 64 / (1 - 2 * margin);
  const start = (64 - size) / 2;
  return svg.replace('viewBox="0 0 64 64"', `viewBox="${start} ${start} ${size} ${size}"`);
}

const icons = [
  { file: "public/icon-192.png", size: 192, svg: drawing },
  { file: "public/icon-512.png", size: 512, svg: drawing },
  { file: "public/icon-maskable-512.png", size: 512, svg: within(mark, 0.06), ground: "#2f56d0" },
  { file: "public/apple-touch-icon.png", size: 180, svg: square, ground: "#2f56d0" },
  { file: "assets/icon.png", size: 1024, svg: square, ground: "#2f56d0" },
  { file: "assets/adaptive-foreground.png", size: 1024, svg: within(mark, 0.16) },
  { file: "assets/adaptive-monochrome.png", size: 1024, svg: within(stencil, 0.16) },
];

const browser = await chromium.launch({
  executablePath: process.argv[2] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const { file, size, svg, ground } of icons) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(
    `<body style="margin:0;background:${ground ?? "transparent"}">${svg.replace("<svg", `<svg style="display:block" width="${size}" height="${size}"`)}`,
  );
  await page.screenshot({ path: root + file, omitBackground: ground === undefined });
  await page.close();
}
await browser.close();
