/**
 * Draws the picture folders under data/ from the emoji sets on npm; see README.md beside this file.
 * `tsx scripts/data/build.ts` draws the curated concepts in every style, and the subjects;
 * `tsx scripts/data/build.ts --all` draws every concept that all styles share, into data/all/<style>.
 */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../../src/formats/files.js';
import { bareHexcode, IconSet, packageJson } from './icons.js';
import { STYLES, type Style } from './styles.js';

/** Pixels a side, the size the emoji model draws. */
const SIZE = 64;
const HERE = import.meta.dirname;
const DATA = join(HERE, '../../data');

interface Concept {
  readonly hexcode: string;
  readonly caption: string;
  /** Left out of every downstream set, so that evaluation can ask for it in a style never seen with it. */
  readonly heldOut?: boolean;
  readonly tags?: readonly string[];
}

/** One figure in several poses, for DreamBooth and Textual Inversion. */
interface Subject {
  readonly folder: string;
  /** The folder of its style. */
  readonly style: string;
  readonly concepts: readonly Concept[];
}

interface EmojibaseEntry {
  readonly hexcode: string;
  readonly label: string;
  readonly tags?: readonly string[];
}

/** "a slice of pizza" → "slice-of-pizza". */
function slug(caption: string): string {
  return caption
    .toLowerCase()
    .replace(/^(an?|the) /, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** The concepts that every style draws, with Emojibase's labels as captions. */
function sharedConcepts(sets: readonly IconSet[]): Concept[] {
  const entries = packageJson<EmojibaseEntry[]>('emojibase-data', 'en/data.json');
  return entries
    .map(({ hexcode, label, tags }) => ({ hexcode: bareHexcode(hexcode), caption: label, tags }))
    .filter(({ hexcode }) => sets.every((set) => set.has(hexcode)));
}

/** Writes an image folder anew: a PNG for each concept, metadata.jsonl, README.md and the licence's text. */
async function writeFolder(
  folder: string,
  style: Style,
  set: IconSet,
  concepts: readonly Concept[],
  purpose: string,
): Promise<void> {
  const path = join(DATA, folder);
  await rm(path, { recursive: true, force: true });
  const lines: string[] = [];
  let bytes = 0;
  for (const { hexcode, caption, tags } of concepts) {
    const file = tags ? `${hexcode}.png` : `${slug(caption)}.png`;
    const png = await set.draw(hexcode, SIZE);
    bytes += png.length;
    await writeFileAtomic(join(path, file), png);
    lines.push(JSON.stringify({ file_name: file, text: caption, ...(tags && { tags }) }));
  }
  await writeFileAtomic(join(path, 'metadata.jsonl'), `${lines.join('\n')}\n`);
  await writeFileAtomic(join(path, 'README.md'), readme(folder, style, concepts.length, purpose));
  if (style.licence === 'MIT' || style.licence === 'Apache-2.0') {
    const text = readFileSync(join(HERE, 'licences', `${style.licence}.txt`), 'utf8');
    await writeFileAtomic(join(path, 'LICENSE'), text);
  }
  console.log(`data/${folder}: ${concepts.length} pictures, ${(bytes / 2 ** 20).toFixed(2)} MiB`);
}

function readme(folder: string, style: Style, count: number, purpose: string): string {
  return `# ${folder}

${count} pictures of ${SIZE}×${SIZE} pixels in the style of ${style.title}: ${purpose}

- Pictures: ${style.title}, © ${style.author}, ${style.source}, by way of the npm package \`${style.package}\`.
- Licence: ${style.licence}, ${style.licenceUrl}
- Changes: drawn from the vector originals on white at ${SIZE}×${SIZE} pixels.
- Captions: \`metadata.jsonl\`; they do not name the style, the loader's prefix or suffix does ("a red apple, ${style.name} style").

Written by \`scripts/data/build.ts\`; change the script, not the pictures.
`;
}

async function buildCurated(style: Style, set: IconSet, concepts: readonly Concept[]): Promise<void> {
  if (style.role === 'base') {
    await writeFolder(style.folder, style, set, concepts, 'training data of the base model.');
    return;
  }
  const shown = concepts.filter((concept) => !concept.heldOut);
  const heldOut = concepts.filter((concept) => concept.heldOut);
  const held = `${style.folder}-held-out`;
  const purpose = `a style for the base model to learn. The concepts in ../${held} are left out on purpose.`;
  await writeFolder(style.folder, style, set, shown, purpose);
  await writeFolder(
    held,
    style,
    set,
    heldOut,
    `concepts left out of ../${style.folder}, for evaluation only.`,
  );
}

const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
const sets = STYLES.map((style) => new IconSet(style));
const concepts: Concept[] = values.all
  ? sharedConcepts(sets)
  : JSON.parse(readFileSync(join(HERE, 'concepts.json'), 'utf8'));
for (const [i, style] of STYLES.entries()) {
  if (values.all) {
    const purpose =
      'every concept that the five styles share, for training the autoencoder and the text encoder.';
    await writeFolder(`all/${style.folder}`, style, sets[i]!, concepts, purpose);
  } else {
    await buildCurated(style, sets[i]!, concepts);
  }
}
if (!values.all) {
  const subjects: Subject[] = JSON.parse(readFileSync(join(HERE, 'subjects.json'), 'utf8'));
  for (const { folder, style: name, concepts: poses } of subjects) {
    const i = STYLES.findIndex((style) => style.folder === name);
    await writeFolder(
      folder,
      STYLES[i]!,
      sets[i]!,
      poses,
      'one figure in several poses, a subject to learn.',
    );
  }
}
