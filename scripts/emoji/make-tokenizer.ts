/** Makes the emoji model's tokenizer: the first merges of CLIP's vocabulary, so that fewer embeddings have to be learned. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureFolder, readJson } from '../../src/formats/index.js';

/** CLIP has 48,894; text of everyday words needs few of them. */
const MERGES = 3000;
const TOKENS_WITHOUT_MERGES = 512;
const MAX_LENGTH = 24;

const source = 'test/fixtures/tokenizer/clip';
const folder = process.argv[2] ?? 'models/emoji/tokenizer';

const vocabulary = (await readJson(join(source, 'vocab.json'))) as Record<string, number>;
const [version, ...merges] = (await readFile(join(source, 'merges.txt'), 'utf8')).trimEnd().split('\n');
const size = TOKENS_WITHOUT_MERGES + MERGES;
const kept = Object.fromEntries(Object.entries(vocabulary).filter(([, id]) => id < size));
const config = (await readJson(join(source, 'tokenizer_config.json'))) as Record<string, unknown>;

await ensureFolder(folder);
const write = (name: string, text: string) => writeFile(join(folder, name), text);
await write('vocab.json', JSON.stringify({ ...kept, '<|startoftext|>': size, '<|endoftext|>': size + 1 }));
await write('merges.txt', `${[version, ...merges.slice(0, MERGES)].join('\n')}\n`);
await write(
  'tokenizer_config.json',
  `${JSON.stringify({ ...config, model_max_length: MAX_LENGTH }, null, 2)}\n`,
);
await write('special_tokens_map.json', await readFile(join(source, 'special_tokens_map.json'), 'utf8'));
await write('LICENSE.open_clip', await readFile(join(source, 'LICENSE.open_clip'), 'utf8'));
