/** Text in charts: how wide it is about, and how it is made to fit, since nothing measures it before it is shown. */
import { html, type Markup } from '../html.js';

/** Width of a usual character in units of the size of the font; wide fonts such as DejaVu Sans come near it. */
const USUAL = 0.6;
const NARROW = /[ .,:;'|!ijltfrI()[\]·-]/;
/** Chinese, Japanese and Korean characters, and emoji. */
const WIDE = /[\u2e80-\ud7ff\uf900-\ufaff\uff00-\uff60]|\p{Extended_Pictographic}/u;
const FONT = 12;
/** Width of bold text, in that of usual text. */
export const BOLD = 1.15;

/** Width in pixels, rather too large than too small. */
export function textWidth(text: string, size: number = FONT): number {
  let width = 0;
  for (const character of text) {
    width += NARROW.test(character)
      ? 0.4
      : WIDE.test(character)
        ? 1.1
        : /[A-Zmw@%—]/.test(character)
          ? 0.8
          : USUAL;
  }
  return size * width;
}

/** The text, cut with an ellipsis where it is wider; the whole of it is then its tooltip. */
export function fitted(text: string, width: number, size = FONT): Markup {
  if (textWidth(text, size) <= width) return html`${text}`;
  const characters = [...text];
  while (characters.length > 1 && textWidth(`${characters.join('')}…`, size) > width) characters.pop();
  return html`${characters.join('').trimEnd()}…<title>${text}</title>`;
}

/** Lines that are no wider, broken between words. */
export function wrapped(text: string, width: number, size = FONT): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** The widest of the texts, at most `most`. */
export function widest(texts: readonly string[], most = Number.POSITIVE_INFINITY): number {
  return Math.min(most, Math.max(0, ...texts.map((text) => textWidth(text))));
}
