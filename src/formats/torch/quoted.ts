/** Names from files that may be hostile, as messages show them. */

const LONGEST = 100;

/** In quotes, cut where it is long, with everything escaped that could steer a terminal. */
export function quoted(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return JSON.stringify(cut).replace(
    /[^ -~…]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
