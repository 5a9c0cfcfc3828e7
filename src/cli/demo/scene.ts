/** What the demonstration looks at before and after: prompts to draw, and pictures to measure the loss on. */
import { basename } from 'node:path';
import { type Image, resizeCrop } from '../../formats/index.js';
import { type Entry, ImageFolder, type Sample } from '../../train/index.js';
import type { DemoConfig } from './config.js';

/** Shown where a folder has them, since they look most alike to all eyes; else some of the folder's own. */
const FAVOURITES = [
  ...['a red apple', 'a dog face', 'a rocket', 'a slice of pizza', 'a mushroom', 'an octopus', 'a rainbow'],
  ...['a sunflower', 'a cat face', 'a guitar', 'a castle', 'a fish', 'a banana', 'a frog', 'a rose'],
  'a hamburger',
];
const COLUMNS = 8;
/** Pictures of each style that the loss is measured on. */
const MEASURED = 24;

export interface Shot {
  /** Short, such as "a red apple". */
  readonly label: string;
  readonly prompt: string;
  /** How the folder draws it. */
  readonly truth: Image;
}

export interface Scene {
  readonly blocks: readonly {
    readonly title: string;
    readonly note: string;
    readonly shots: readonly Shot[];
  }[];
  readonly sets: readonly {
    readonly name: string;
    readonly folder: ImageFolder;
    readonly samples: readonly Sample[];
  }[];
}

/** Opens the folders, for pictures of `size` pixels a side. Throws InputError where one cannot be used. */
export async function prepareScene(config: DemoConfig, size: number): Promise<Scene> {
  const { prefix, suffix } = config;
  const style = await ImageFolder.open(config.data, { size, prefix, suffix });
  const heldOut = await ImageFolder.open(config.heldOut, { size, prefix, suffix });
  const old: { name: string; folder: ImageFolder }[] = [];
  for (const path of config.keep) {
    const name = basename(path);
    old.push({ name, folder: await ImageFolder.open(path, { size, suffix: `, ${name} style` }) });
  }
  const oldColumns = Math.max(1, Math.floor(COLUMNS / Math.max(1, old.length)));
  const oldShots = await Promise.all(old.map(({ folder }) => shotsOf(folder, oldColumns, true)));
  const blocks = [
    {
      title: 'Shown in training',
      note: 'Concepts of the picture set. The last row is the picture it was trained on.',
      shots: await shotsOf(style, COLUMNS),
    },
    {
      title: 'Never shown',
      note: 'The same style asked for concepts that training never showed in it. The last row was kept from the model.',
      shots: await shotsOf(heldOut, COLUMNS),
    },
    {
      title: 'Old styles',
      note: `What the model could draw before: ${old.map(({ name }) => name).join(' and ')}.`,
      shots: oldShots.flat(),
    },
  ];
  return {
    blocks: blocks.filter(({ shots }) => shots.length > 0),
    sets: [
      { name: 'new style, held out', folder: heldOut, samples: spread(heldOut.plainSamples(), MEASURED) },
      ...old.map(({ name, folder }) => {
        return { name: `old style: ${name}`, folder, samples: spread(folder.plainSamples(), MEASURED) };
      }),
    ],
  };
}

/** With whole prompts as labels where `named`. */
async function shotsOf(folder: ImageFolder, count: number, named = false): Promise<Shot[]> {
  const favourites = FAVOURITES.flatMap(
    (caption) => folder.entries.find((entry) => entry.caption === caption) ?? [],
  );
  const others = folder.entries.filter((entry) => !favourites.includes(entry));
  const chosen = favourites.slice(0, count);
  chosen.push(...spread(others, count - chosen.length));
  return Promise.all(chosen.map((entry) => shotOf(folder, entry, named)));
}

async function shotOf(folder: ImageFolder, entry: Entry, named: boolean): Promise<Shot> {
  const truth = await resizeCrop(entry.path, folder.size);
  const prompt = folder.captionOf(entry);
  return { label: named ? prompt : entry.caption, prompt, truth };
}

/** At most `count` elements, evenly spread. */
function spread<T>(list: readonly T[], count: number): T[] {
  const kept = Math.min(count, list.length);
  return Array.from({ length: kept }, (_, i) => list[Math.floor((i * list.length) / kept)]!);
}
