// The committed picture sets: their sizes, and that held-out concepts appear in no downstream set.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ImageFolder } from '../../../src/train/data/image-folder.js';

const ROOT = join(import.meta.dirname, '../../..');
const concepts: { caption: string; heldOut?: boolean }[] = JSON.parse(
  readFileSync(join(ROOT, 'scripts/data/concepts.json'), 'utf8'),
);
const all = concepts.map((concept) => concept.caption).sort();
const heldOut = concepts
  .filter((concept) => concept.heldOut)
  .map((concept) => concept.caption)
  .sort();

async function captionsOf(folder: string): Promise<string[]> {
  const set = await ImageFolder.open(join(ROOT, 'data', folder));
  expect(set.size).toBe(64);
  expect(set.report).toMatchObject({ withoutCaption: [], broken: [], longCaptions: [] });
  return set.entries.map((entry) => entry.caption).sort();
}

test('150 concepts, each once, 25 of them held out', () => {
  expect(new Set(all).size).toBe(150);
  expect(heldOut).toHaveLength(25);
});

describe.each(['noto', 'twemoji'])('base set %s', (folder) => {
  test('holds every concept', async () => {
    expect(await captionsOf(folder)).toEqual(all);
  });
});

describe.each(['fluent-3d', 'fluent-flat'])('downstream set %s', (folder) => {
  test('leaves the held-out concepts to a folder of their own', async () => {
    expect(await captionsOf(`${folder}-held-out`)).toEqual(heldOut);
    expect(await captionsOf(folder)).toEqual(all.filter((caption) => !heldOut.includes(caption)));
  });

  test('states its source and carries its licence', () => {
    for (const name of [folder, `${folder}-held-out`]) {
      expect(readFileSync(join(ROOT, 'data', name, 'README.md'), 'utf8')).toContain('Microsoft Corporation');
      expect(existsSync(join(ROOT, 'data', name, 'LICENSE'))).toBe(true);
    }
  });
});
