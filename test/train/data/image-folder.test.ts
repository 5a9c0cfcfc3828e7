// Image folders: captions found in every layout, every bad input named, batches that depend on (seed, step) alone.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors.js';
import { encodePng } from '../../../src/formats/images.js';
import { ImageFolder, type ImageFolderOptions } from '../../../src/train/data/image-folder.js';
import { pictureSizesOf } from '../../../src/train/data/sample.js';

let base: string;
let folders = 0;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'sara-folder-'));
});
afterAll(() => rm(base, { recursive: true }));

/** A picture whose every pixel is (value, x, y). */
function picture(value: number, width = 8, height = width): Promise<Uint8Array> {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) data.set([value, i % width, Math.floor(i / width)], 3 * i);
  return encodePng({ width, height, data });
}

/** A new folder with these files; a number stands for a picture. */
async function folderOf(files: Record<string, string | number | Uint8Array>): Promise<string> {
  const folder = join(base, `set-${folders++}`);
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'number' ? await picture(content) : content);
  }
  return folder;
}

async function refusal(folder: string, options?: ImageFolderOptions): Promise<string> {
  const error = await ImageFolder.open(folder, options).then(
    () => expect.fail('the folder was accepted'),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).not.toContain('\n');
  return error.message;
}

const jsonl = (...rows: object[]) => rows.map((row) => JSON.stringify(row)).join('\n');
const captions = (set: ImageFolder) => set.entries.map((entry) => entry.caption);

describe('captions', () => {
  test('metadata.jsonl of Hugging Face, with blank lines, other keys and a byte order mark', async () => {
    const rows = jsonl(
      { file_name: 'b.png', text: 'bee', tags: ['x'] },
      { file_name: 'sub/a.png', text: ' ant ' },
    );
    const folder = await folderOf({ 'b.png': 1, 'sub/a.png': 2, 'metadata.jsonl': `\uFEFF${rows}\r\n\n` });
    const set = await ImageFolder.open(folder);
    expect(captions(set)).toEqual(['bee', 'ant']);
    expect(set.entries[0]).toMatchObject({ path: join(folder, 'b.png'), width: 8, height: 8, repeats: 1 });
    expect(set.entries[0]!.contentHash).toMatch(/^[0-9a-f]{64}$/);
    expect(set.describe()).toBe(`2 pictures with captions in ${folder}`);
  });

  test('jsonl of sd-scripts, also with absolute paths inside the folder', async () => {
    const folder = await folderOf({ 'a.png': 1, 'b.png': 2 });
    const rows = [
      { image_path: 'a.png', caption: 'ant', image_size: [8, 8] },
      { image_path: join(folder, 'b.png'), caption: 'bee' },
    ];
    await writeFile(join(folder, 'metadata.jsonl'), jsonl(...rows));
    expect(captions(await ImageFolder.open(folder))).toEqual(['ant', 'bee']);
  });

  test('.txt and .caption beside the picture, in nested folders; a second line is reported', async () => {
    const folder = await folderOf({
      'a.png': 1,
      'a.txt': '\nant\nsecond line\n',
      'deep/er/b.JPG.png': 2,
      'deep/er/b.JPG.caption': 'bee',
      'deep/c.png': 3,
      'deep/c.txt': '',
      'deep/c.caption': 'cat',
    });
    const set = await ImageFolder.open(folder);
    expect(captions(set)).toEqual(['ant', 'cat', 'bee']);
    expect(set.report.longCaptions).toEqual(['a.txt']);
    expect(set.describe()).toContain('only the first line is used of a.txt');
  });

  test('metadata.jsonl in a nested folder is relative to it, and goes before a text file', async () => {
    const folder = await folderOf({
      'sub/a.png': 1,
      'sub/a.txt': 'from the text file',
      'sub/metadata.jsonl': jsonl({ file_name: 'a.png', text: 'from metadata' }),
      'b.png': 2,
      'b.txt': 'bee',
    });
    expect(captions(await ImageFolder.open(folder))).toEqual(['bee', 'from metadata']);
  });

  test('pictures without a caption are counted and named, not silently skipped', async () => {
    const folder = await folderOf({ 'a.png': 1, 'a.txt': 'ant', 'b.png': 2, 'c.png': 3, 'c.txt': ' \n' });
    const set = await ImageFolder.open(folder);
    expect(set.report).toMatchObject({ used: 1, withoutCaption: ['b.png', 'c.png'] });
    expect(set.describe()).toContain('left out without a caption: b.png, c.png');
  });

  test("kohya's folder names give repeats, and the caption of last resort", async () => {
    const folder = await folderOf({
      '3_sks dog/a.png': 1,
      '3_sks dog/b.png': 2,
      '3_sks dog/b.txt': 'bee',
      'c.png': 3,
      'c.txt': 'c',
    });
    const set = await ImageFolder.open(folder);
    expect(set.entries.map(({ caption, repeats }) => [caption, repeats])).toEqual([
      ['sks dog', 3],
      ['bee', 3],
      ['c', 1],
    ]);
    expect(set.samplesPerEpoch).toBe(7);
    const shown = [...Array(7).keys()].map((step) => set.samplesAt(step, 1)[0]!.caption);
    expect(shown.sort()).toEqual(['bee', 'bee', 'bee', 'c', 'sks dog', 'sks dog', 'sks dog']);
    expect(set.describe()).toContain('7 an epoch with repeats');
  });

  test('prefix and suffix stand around every caption', async () => {
    const folder = await folderOf({ 'a.png': 1, 'a.txt': 'a red apple' });
    const set = await ImageFolder.open(folder, { prefix: 'fluent style, ', suffix: '!' });
    expect(set.samplesAt(0, 1)[0]!.caption).toBe('fluent style, a red apple!');
    expect(set.plainSamples()[0]!.caption).toBe('fluent style, a red apple!');
    expect(captions(set)).toEqual(['a red apple']);
  });

  test('hidden files are left alone, linked folders are followed once', async () => {
    const folder = await folderOf({
      'a.png': 1,
      'a.txt': 'ant',
      '._b.png': 'resource fork',
      '.cache/c.png': 3,
    });
    const other = await folderOf({ 'd.png': 4, 'd.txt': 'dog' });
    await symlink(other, join(folder, 'linked'));
    await symlink(folder, join(folder, 'circle'));
    expect(captions(await ImageFolder.open(folder))).toEqual(['ant', 'dog']);
  });
});

describe('bad input is named in one sentence', () => {
  const caption = { 'a.txt': 'ant' };

  test('missing folder, a file in its place', async () => {
    const folder = await folderOf({ 'a.png': 1 });
    expect(await refusal(join(folder, 'none'))).toMatch(/set-\d+\/none: it does not exist/);
    expect(await refusal(join(folder, 'a.png'))).toMatch(/a\.png: a part of the path is a file/);
  });

  test('no pictures', async () => {
    expect(await refusal(await folderOf(caption))).toMatch(/expected pictures .* found none among 1 files/);
  });

  test('no captions, empty caption files, captions under a wrong name', async () => {
    expect(await refusal(await folderOf({ 'a.png': 1 }))).toMatch(
      /found none for 1 pictures; write a metadata\.jsonl/,
    );
    expect(await refusal(await folderOf({ 'a.png': 1, 'a.txt': '\n \n' }))).toMatch(/expected captions/);
    const wrong = { 'a.png': 1, 'metadata.json1': '{}' };
    expect(await refusal(await folderOf(wrong))).toMatch(
      /rename or convert metadata\.json1 to metadata\.jsonl/,
    );
  });

  test.each([
    ['{"file_name": "a.png", "text": "ant"', /expected a JSON object in line 2 of .*metadata\.jsonl/],
    ['"a.png"', /expected a JSON object in line 2 of .*, got "a.png"/],
    [
      '{"file_name": "a.png"}',
      /expected a string under "text" or "caption" in line 2 of .*, got the keys file_name/,
    ],
    ['{"text": "ant"}', /expected a string under "file_name" or "image_path" in line 2/],
    ['{"file_name": "a.png", "text": 5}', /"text" or "caption" in line 2 of .*, got 5/],
    [
      '{"file_name": "../a.png", "text": "ant"}',
      /inside .* in line 2 of .*, got "\.\.\/a\.png", which leads out/,
    ],
    ['{"file_name": "/etc/a.png", "text": "ant"}', /"\/etc\/a\.png", which leads out/],
    ['{"file_name": "none.png", "text": "ant"}', /none\.png: it does not exist.*\(named in line 2 of/],
  ])('metadata line %s', async (line, expected) => {
    const metadata = `${jsonl({ file_name: 'a.png', text: 'ant' })}\n${line}`;
    expect(await refusal(await folderOf({ 'a.png': 1, 'metadata.jsonl': metadata }))).toMatch(expected);
  });

  test('a caption that is not UTF-8', async () => {
    const folder = await folderOf({ 'a.png': 1, 'a.txt': Uint8Array.of(0xff, 0xfe, 0x61, 0) });
    expect(await refusal(folder)).toMatch(/expected UTF-8 text in .*a\.txt/);
  });

  test('a broken picture is named, and left out only if asked', async () => {
    const whole = await picture(5, 64);
    const folder = await folderOf({
      'a.png': 1,
      ...caption,
      'b.png': whole.subarray(0, -60),
      'b.txt': 'bee',
    });
    expect(await refusal(folder)).toMatch(/whole picture in .*b\.png.*, or ask to skip broken pictures$/);
    const set = await ImageFolder.open(folder, { skipBroken: true });
    expect(captions(set)).toEqual(['ant']);
    expect(set.report.broken).toHaveLength(1);
    expect(set.describe()).toMatch(/left out as broken: .*b\.png/);
  });

  test('all pictures broken, an unsupported kind, a dangling link', async () => {
    const folder = await folderOf({ 'a.bmp': 'BM', 'a.txt': 'ant', 'b.txt': 'bee' });
    await symlink(join(folder, 'gone.png'), join(folder, 'b.png'));
    expect(await refusal(folder)).toMatch(/a\.bmp.*; 1 more pictures of .* are broken/);
    expect(await refusal(folder, { skipBroken: true })).toMatch(/but all are broken/);
  });

  test('pictures of different sizes need a size, options are checked', async () => {
    const folder = await folderOf({
      'a.png': 1,
      ...caption,
      'b.png': await picture(2, 12, 8),
      'b.txt': 'bee',
    });
    expect(await refusal(folder)).toMatch(/expected a size.*b\.png has 12×8 pixels/);
    expect((await ImageFolder.open(folder, { size: 4 })).size).toBe(4);
    expect(await refusal(folder, { size: 1.5 })).toMatch(/picture size in pixels, got 1\.5/);
    expect(await refusal(folder, { size: 8, captionDropout: 2 })).toMatch(/between 0 and 1, got 2/);
    const set = await ImageFolder.open(folder, { size: 4 });
    expect(() => set.samplesAt(0, 0)).toThrow(/batch size of at least 1, got 0/);
  });
});

describe('batches', () => {
  async function numbered(count: number, options?: ImageFolderOptions, width = 8): Promise<ImageFolder> {
    const files: Record<string, string | Uint8Array> = {};
    for (let i = 0; i < count; i++) {
      files[`${i}.png`] = await picture(i, width, 8);
      files[`${i}.txt`] = `number ${i}`;
    }
    return ImageFolder.open(await folderOf(files), options);
  }

  test('each epoch shows every picture once, in an order of its own', async () => {
    const set = await numbered(7);
    const order = (seed: number) =>
      Array.from({ length: 14 }, (_, i) => set.samplesAt(Math.floor(i / 4), 4, seed)[i % 4]!.caption);
    const [first, second] = [order(1).slice(0, 7), order(1).slice(7)];
    expect([...first].sort()).toEqual([...second].sort());
    expect(new Set(first).size).toBe(7);
    expect(first).not.toEqual(second);
    expect(order(1)).toEqual(order(1));
    expect(order(2)).not.toEqual(order(1));
  });

  test('a step is the same whether reached or asked for, also in a folder opened anew', async () => {
    const options = { size: 6, crop: 'random', flip: true, captionDropout: 0.3 } as const;
    const set = await numbered(5, options, 11);
    const again = await ImageFolder.open(set.folder, options);
    let step = 0;
    for await (const batch of set.batches(3, { seed: 9, epochs: 2 })) {
      expect(batch.step).toBe(step);
      expect(await again.batchAt(step, 3, 9)).toEqual(batch);
      step++;
    }
    expect(step).toBe(Math.ceil((2 * 5) / 3));
    const rest = again.batches(3, { seed: 9, epochs: 2, from: 2 });
    expect((await rest.next()).value).toEqual(await set.batchAt(2, 3, 9));
  });

  test('pixels, captions and shape belong together', async () => {
    const set = await numbered(4);
    const batch = await set.batchAt(0, 4, 3);
    expect(batch.pixels.shape).toEqual([4, 3, 8, 8]);
    batch.captions.forEach((caption, i) => {
      const red = Math.round((batch.pixels.data[i * 3 * 64]! + 1) * 127.5);
      expect(caption).toBe(`number ${red}`);
    });
  });

  test('crop and flip move the pixels as the sample says, and its key tells them apart', async () => {
    const set = await numbered(1, { size: 8, crop: 'random', flip: true }, 20);
    const keys = new Map<string, string>();
    for (let step = 0; step < 40; step++) {
      const sample = set.samplesAt(step, 1, 0)[0]!;
      const pixels = await set.load(sample);
      const green = Math.round((pixels[64]! + 1) * 127.5);
      expect(green).toBe(sample.crop.left + (sample.flip ? 7 : 0));
      const seen = keys.get(sample.pixelKey) ?? pixels.join();
      expect(pixels.join()).toBe(seen);
      keys.set(sample.pixelKey, seen);
    }
    expect(new Set(keys.values()).size).toBe(keys.size);
    expect(keys.size).toBeGreaterThan(10);
    expect(set.plainSamples()[0]).toMatchObject({ flip: false, crop: { left: 6, top: 0 } });
    // 20×8 pixels: in the mirrored picture, the cut from 2 to 10 lies from 10 to 18.
    const cut = { ...set.plainSamples()[0]!, crop: { resizedWidth: 20, resizedHeight: 8, left: 2, top: 0 } };
    const sizes = { original: [8, 20], target: [8, 8] };
    expect(pictureSizesOf(cut, [8, 8])).toEqual({ ...sizes, crop: [0, 2] });
    expect(pictureSizesOf({ ...cut, flip: true }, [8, 8])).toEqual({ ...sizes, crop: [0, 10] });
  });

  test('captions are dropped as often as asked, whatever else is random', async () => {
    const set = await numbered(3, { captionDropout: 0.25 });
    const samples = Array.from({ length: 400 }, (_, step) => set.samplesAt(step, 3, 5)).flat();
    const dropped = samples.filter((sample) => sample.caption === '').length / samples.length;
    expect(dropped).toBeGreaterThan(0.21);
    expect(dropped).toBeLessThan(0.29);
    const flipped = await ImageFolder.open(set.folder, { captionDropout: 0.25, flip: true });
    expect(flipped.samplesAt(7, 3, 5).map((sample) => sample.caption)).toEqual(
      set.samplesAt(7, 3, 5).map((sample) => sample.caption),
    );
  });
});

test('captions that are given stand for all others, each sample taking one at random', async () => {
  const folder = await folderOf({ 'a.png': 1, 'b.png': 2, 'b.txt': 'bee' });
  const set = await ImageFolder.open(folder, { captions: ['one', 'two', 'three'], prefix: '<', suffix: '>' });
  expect(set.describe()).toBe(`2 pictures in ${folder}`);
  const drawn = (seed: number) => [0, 1, 2, 3].flatMap((step) => set.samplesAt(step, 8, seed)).map(captionOf);
  expect(new Set(drawn(0))).toEqual(new Set(['<one>', '<two>', '<three>']));
  expect(drawn(0)).toEqual(drawn(0));
  expect(drawn(0)).not.toEqual(drawn(1));
  expect(set.plainSamples().map(captionOf)).toEqual(['<one>', '<one>']);
});

const captionOf = ({ caption }: { caption: string }): string => caption;
