/** Elements of an SVG picture as tests look at them. */

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** All elements, or those of a class, in their order. */
export function elements(svg: string, name: string, kind?: string): Element[] {
  return [...svg.matchAll(/<([a-zA-Z]+)((?:\s+[\w:-]+="[^"]*")*)\s*\/?>/g)]
    .map(([, found, text]) => ({
      name: found!,
      attributes: Object.fromEntries(
        [...text!.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]),
      ),
    }))
    .filter((element) => element.name === name)
    .filter(({ attributes }) => kind === undefined || attributes.class?.split(' ').includes(kind));
}

/** What its text elements say, with entities as they are written. */
export function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/gs)].map(([, text]) =>
    text!.replace(/<title>.*?<\/title>/gs, '').replace(/<[^>]*>/g, ''),
  );
}

/** Attributes that hold places or lengths, where something in them is no finite number. */
export function badNumbers(svg: string): string[] {
  return svg.match(/[\w-]+="[^"]*(?:NaN|Infinity|undefined)[^"]*"/g) ?? [];
}
