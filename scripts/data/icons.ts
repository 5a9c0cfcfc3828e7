/** Reads an Iconify set and draws its icons as small opaque pictures. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import sharp from 'sharp';
import { InputError } from '../../src/errors.js';
import type { Style } from './styles.js';

interface Box {
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
}

interface IconifySet extends Box {
  readonly icons: Record<string, Box & { readonly body: string }>;
  readonly aliases?: Record<string, { readonly parent: string; readonly hFlip?: boolean }>;
}

interface Icon {
  readonly box: Required<Box>;
  readonly body: string;
  readonly mirrored: boolean;
}

/** A JSON file of a package installed beside this script. */
export function packageJson<T>(name: string, file: string): T {
  const require = createRequire(import.meta.url);
  let path: string;
  try {
    path = require.resolve(`${name}/${file}`);
  } catch (error) {
    throw new InputError(`expected the package ${name}; run "npm ci --prefix scripts/data" first`, {
      cause: error,
    });
  }
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

/** A code point sequence as all sets share it: lower case, without the variation selector FE0F. */
export function bareHexcode(hexcode: string): string {
  return hexcode
    .toLowerCase()
    .split('-')
    .filter((point) => point !== 'fe0f')
    .join('-');
}

/** One style's icons, found by code point. */
export class IconSet {
  private readonly set: IconifySet;
  private readonly names = new Map<string, string>();

  constructor(private readonly style: Style) {
    this.set = packageJson(style.package, 'icons.json');
    for (const [hexcode, name] of Object.entries(
      packageJson<Record<string, string>>(style.names, 'chars.json'),
    )) {
      this.names.set(bareHexcode(hexcode), name);
    }
  }

  has(hexcode: string): boolean {
    return this.find(hexcode) !== undefined;
  }

  /** The icon as a PNG of `size` × `size` pixels, RGB on white. Throws InputError if the set lacks it. */
  async draw(hexcode: string, size: number): Promise<Buffer> {
    const icon = this.find(hexcode);
    if (icon === undefined) throw new InputError(`${this.style.package} has no picture for ${hexcode}`);
    const { left, top, width, height } = icon.box;
    const side = Math.max(width, height);
    const view = [left - (side - width) / 2, top - (side - height) / 2, side, side].join(' ');
    const drawn = this.style.drawAt;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${drawn}" height="${drawn}" viewBox="${view}">${icon.body}</svg>`;
    const large = await sharp(Buffer.from(svg))
      .flatten({ background: '#fff' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width: w, height: h, channels } = large.info;
    return smallestPng(
      await sharp(large.data, { raw: { width: w, height: h, channels } })
        .resize(size, size, { kernel: 'lanczos3' })
        .flop(icon.mirrored)
        .raw()
        .toBuffer(),
      size,
    );
  }

  private find(hexcode: string): Icon | undefined {
    let name = this.names.get(bareHexcode(hexcode));
    let mirrored = false;
    while (name !== undefined && this.set.icons[name] === undefined) {
      const alias: { parent: string; hFlip?: boolean } | undefined = this.set.aliases?.[name];
      if (alias?.hFlip) mirrored = !mirrored;
      name = alias?.parent;
    }
    if (name === undefined) return undefined;
    const icon = this.set.icons[name]!;
    const box = { left: 0, top: 0, width: this.set.width ?? 16, height: this.set.height ?? 16, ...icon };
    return { box, body: icon.body, mirrored };
  }
}

/** The shortest PNG of an RGB picture among the row filters. */
async function smallestPng(rgb: Buffer, size: number): Promise<Buffer> {
  const candidates = await Promise.all(
    [false, true].map((adaptiveFiltering) =>
      sharp(rgb, { raw: { width: size, height: size, channels: 3 } })
        .png({ compressionLevel: 9, adaptiveFiltering })
        .toBuffer(),
    ),
  );
  return candidates.reduce((a, b) => (b.length < a.length ? b : a));
}
