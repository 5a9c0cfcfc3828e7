// Reading, writing, resizing and laying out pictures.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import { contactSheet } from '../../src/formats/contact-sheet.js';
import {
  cropGeometry,
  fromUnit,
  type Image,
  readImage,
  resizeCrop,
  toUnit,
  writePng,
} from '../../src/formats/images.js';
import { wrapText } from '../../src/formats/pixel-font.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sara-images-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A picture whose red is x, green is y and blue is 7. */
function ramp(width: number, height: number): Image {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) data.set([i % width, Math.floor(i / width), 7], 3 * i);
  return { width, height, data };
}

function pixel(image: Image, x: number, y: number): number[] {
  return [...image.data.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3)];
}

function raw(data: number[], width: number, height: number, channels: 1 | 2 | 3 | 4) {
  return sharp(Uint8Array.from(data), { raw: { width, height, channels } });
}

describe('reading', () => {
  test('a written PNG is read back exactly, and no temporary file stays', async () => {
    const path = join(folder, 'round', 'trip.png');
    await writePng(path, ramp(9, 5));
    expect(await readImage(path)).toEqual({ width: 9, height: 5, data: Buffer.from(ramp(9, 5).data) });
    expect(await readdir(join(folder, 'round'))).toEqual(['trip.png']);
  });

  test('transparency becomes white', async () => {
    const path = join(folder, 'alpha.png');
    await raw([10, 20, 30, 0, 10, 20, 30, 255], 2, 1, 4).png().toFile(path);
    expect([...(await readImage(path)).data]).toEqual([255, 255, 255, 10, 20, 30]);
  });

  test('grey, grey with transparency, 16-bit and palette pictures become RGB', async () => {
    const path = (name: string) => join(folder, `${name}.png`);
    await raw([0, 128], 2, 1, 1).toColourspace('b-w').png().toFile(path('grey'));
    await raw([0, 255, 128, 0], 2, 1, 2).toColourspace('b-w').png().toFile(path('grey-alpha'));
    await raw([0, 0, 0, 255, 0, 128], 2, 1, 3).toColourspace('rgb16').png().toFile(path('sixteen'));
    await raw([0, 0, 0, 255, 0, 128], 2, 1, 3).png({ palette: true }).toFile(path('palette'));
    expect((await sharp(path('grey')).metadata()).channels).toBe(1);
    expect((await sharp(path('sixteen')).metadata()).depth).toBe('ushort');
    expect([...(await readImage(path('grey'))).data]).toEqual([0, 0, 0, 128, 128, 128]);
    expect([...(await readImage(path('grey-alpha'))).data]).toEqual([0, 0, 0, 255, 255, 255]);
    expect([...(await readImage(path('sixteen'))).data]).toEqual([0, 0, 0, 255, 0, 128]);
    expect([...(await readImage(path('palette'))).data]).toEqual([0, 0, 0, 255, 0, 128]);
  });

  test('an EXIF orientation is applied', async () => {
    const path = join(folder, 'turned.png');
    await raw([1, 1, 1, 2, 2, 2], 2, 1, 3).withMetadata({ orientation: 6 }).png().toFile(path);
    const image = await readImage(path);
    expect([image.width, image.height]).toEqual([1, 2]);
  });

  test.each([
    ['cut short', 'png', async (bytes: Buffer) => bytes.subarray(0, bytes.length - 40)],
    ['cut short', 'jpeg', async (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    ['empty', 'png', async () => Buffer.alloc(0)],
    ['text', 'png', async () => Buffer.from('<html>not found</html>')],
  ] as const)('a picture that is %s (%s) is named', async (_, format, damage) => {
    const whole = await sharp(ramp(64, 64).data, { raw: { width: 64, height: 64, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    const path = join(folder, `broken.${format}`);
    await writeFile(path, await damage(whole));
    await expect(readImage(path)).rejects.toThrow(InputError);
    await expect(readImage(path)).rejects.toThrow(path);
  });

  test('a missing file is named', async () => {
    await expect(readImage(join(folder, 'none.png'))).rejects.toThrow(/none\.png: it does not exist/);
  });
});

describe('resizing and cropping', () => {
  test('the shorter side fits and the square is cut where asked', () => {
    expect(cropGeometry(200, 100, 50)).toEqual({ resizedWidth: 100, resizedHeight: 50, left: 25, top: 0 });
    expect(cropGeometry(100, 300, 50, [0, 0]).top).toBe(0);
    expect(cropGeometry(100, 300, 50, [1, 1])).toMatchObject({ left: 0, top: 100 });
    expect(cropGeometry(1000, 3, 2).resizedHeight).toBe(2);
  });

  test('without resizing, pixels are moved and not changed', async () => {
    const cut = await resizeCrop(ramp(8, 4), 4, { crop: [1, 0] });
    expect(pixel(cut, 0, 0)).toEqual([4, 0, 7]);
    const flipped = await resizeCrop(ramp(8, 4), 4, { crop: [1, 0], flip: true });
    expect(pixel(flipped, 0, 1)).toEqual([7, 1, 7]);
  });

  test('a file is enlarged and reduced to the size asked for', async () => {
    const path = join(folder, 'ramp.png');
    await writePng(path, ramp(30, 20));
    for (const size of [7, 20, 64]) {
      const image = await resizeCrop(path, size);
      expect([image.width, image.height, image.data.length]).toEqual([size, size, 3 * size * size]);
      expect(pixel(image, size >> 1, size >> 1)[2]).toBe(7);
    }
  });
});

describe('the value range of models', () => {
  test('planes in [-1, 1], and back', () => {
    const planes = toUnit({ width: 2, height: 1, data: Uint8Array.of(0, 51, 255, 255, 102, 0) });
    expect([...planes].map((value) => Math.round(value * 1e6) / 1e6)).toEqual([-1, 1, -0.6, -0.2, 1, -1]);
    const every = ramp(256, 1);
    expect(fromUnit(toUnit(every), 256, 1)).toEqual(every);
  });

  test('values beyond the range are clipped, a wrong length is refused', () => {
    expect([...fromUnit(Float32Array.of(-3, 0, 9), 1, 1).data]).toEqual([0, 128, 255]);
    expect(() => fromUnit(new Float32Array(5), 1, 2)).toThrow(/needs 6 values, got 5/);
  });
});

describe('contact sheet', () => {
  test('pictures stand in rows, enlarged, on white', () => {
    const sheet = contactSheet([ramp(2, 2), ramp(2, 2), ramp(2, 2)], { columns: 2, scale: 3 });
    expect([sheet.width, sheet.height]).toEqual([4 + 2 * (6 + 4), 4 + 2 * (6 + 4)]);
    expect(pixel(sheet, 0, 0)).toEqual([255, 255, 255]);
    expect(pixel(sheet, 4, 4)).toEqual([0, 0, 7]);
    expect(pixel(sheet, 9, 9)).toEqual([1, 1, 7]);
    expect(pixel(sheet, 14, 14)).toEqual([255, 255, 255]);
  });

  test('labels add room below and draw in it', () => {
    const plain = contactSheet([ramp(30, 30)], { columns: 1 });
    const labelled = contactSheet([ramp(30, 30)], { columns: 1, labels: ['a red apple'] });
    expect(labelled.height).toBe(plain.height + 2 * 10);
    const below = labelled.data.subarray(3 * labelled.width * 34);
    expect(below.some((value) => value < 255)).toBe(true);
  });

  test('labels wrap at spaces and cut long words', () => {
    expect(wrapText('a slice of  pizza', 8)).toEqual(['a slice', 'of pizza']);
    expect(wrapText('abcdefgh', 3)).toEqual(['abc', 'def', 'gh']);
    expect(wrapText('', 3)).toEqual([]);
  });
});
