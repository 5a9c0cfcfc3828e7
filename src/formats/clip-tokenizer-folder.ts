/** What the files of a tokenizer folder of diffusers or transformers say about a CLIP tokenizer. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import { END_OF_WORD } from './byte-pair-encoding.js';
import { exists, fileError, parseJson } from './files.js';
import type { SpecialToken } from './special-tokens.js';

export interface ClipTokenizerFiles {
  /** Ids of the symbols, special tokens included. */
  readonly vocabulary: Map<string, number>;
  readonly merges: readonly (readonly [string, string])[];
  /** By role; the texts under which the vocabulary has them. */
  readonly begin: string;
  readonly end: string;
  readonly unknown: string;
  readonly pad: string;
  readonly specialTokens: readonly SpecialToken[];
  readonly modelMaxLength: number;
}

const tokenId = z.int().nonnegative();
const vocabularySchema = z.record(z.string(), tokenId);

const tokenSchema = z
  .union([
    z.string().transform((content) => ({ content })),
    z.object({
      content: z.string(),
      normalized: z.boolean().optional(),
      lstrip: z.boolean().optional(),
      rstrip: z.boolean().optional(),
      single_word: z.boolean().optional(),
    }),
  ])
  .transform(
    (token): SpecialToken => ({
      normalized: false,
      lstrip: false,
      rstrip: false,
      single_word: false,
      ...token,
    }),
  );

const ROLES = { bos_token: '<|startoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' };

const role = tokenSchema.nullish();
const rolesSchema = z.object({
  bos_token: role,
  eos_token: role,
  unk_token: role,
  pad_token: role,
  additional_special_tokens: z.array(tokenSchema).nullish(),
});
const configSchema = rolesSchema.extend({
  model_max_length: z.number().min(3).nullish(),
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/, 'expected ids'), tokenSchema).nullish(),
});

/** tokenizer.json as far as a CLIP tokenizer fills it. */
const tokenizerJsonSchema = z.object({
  added_tokens: z.array(z.intersection(z.object({ id: tokenId }), tokenSchema)).default([]),
  model: z.object({
    type: z.literal('BPE', 'expected a byte-pair encoding as CLIP has it'),
    end_of_word_suffix: z.literal(END_OF_WORD, `expected "${END_OF_WORD}" as CLIP has it`),
    vocab: vocabularySchema,
    merges: z.array(
      z.union([z.tuple([z.string(), z.string()]), z.string().transform((line) => line.split(' '))]),
    ),
  }),
});

/** CLIP's number of positions, where the folder states none. */
const DEFAULT_MAX_LENGTH = 77;
/** transformers writes 1e30 where it knows no limit. */
const NO_LIMIT = 1e9;

type Added = readonly { readonly id: number; readonly token: SpecialToken }[];

interface Symbols {
  readonly vocabulary: Map<string, number>;
  readonly merges: readonly (readonly [string, string])[];
  readonly added: Added;
}

function pairs(lines: readonly (readonly string[])[], path: string): (readonly [string, string])[] {
  return lines.map((parts) => {
    const [left, right] = parts;
    if (parts.length === 2 && left && right) return [left, right];
    throw new InputError(`expected two symbols in each merge of ${path}, got "${parts.join(' ')}"`);
  });
}

/** Files that make up a tokenizer, in any folder of diffusers or transformers. */
export const TOKENIZER_FILE_NAMES: readonly string[] = [
  'vocab.json',
  'merges.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
];

/** A tokenizer's files by name. */
export type TokenizerFiles = ReadonlyMap<string, Uint8Array>;

/** Those files of a folder that make up its tokenizer. Throws InputError where one cannot be read. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const files = new Map<string, Uint8Array>();
  for (const name of TOKENIZER_FILE_NAMES) {
    const path = join(folder, name);
    if (!(await exists(path))) continue;
    try {
      files.set(name, await readFile(path));
    } catch (error) {
      throw fileError('read', path, error);
    }
  }
  return files;
}

/** A tokenizer's files as texts; `place` is what an error calls their folder. */
class TokenizerTexts {
  constructor(
    private readonly files: TokenizerFiles,
    readonly place: string,
  ) {}

  text(name: string): string | undefined {
    const bytes = this.files.get(name);
    return bytes && new TextDecoder().decode(bytes);
  }

  /** The value of a JSON file; undefined where it is missing. */
  json<T extends z.ZodType>(name: string, schema: T): z.infer<T> | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : parseJson(text, join(this.place, name), schema);
  }
}

function symbolsOf(texts: TokenizerTexts): Symbols {
  const vocabulary = texts.json('vocab.json', vocabularySchema);
  const lines = texts.text('merges.txt')?.split(/\r?\n/);
  if (vocabulary && lines) {
    const merges = lines.filter((line) => line !== '' && !line.startsWith('#version'));
    return {
      vocabulary: new Map(Object.entries(vocabulary)),
      merges: pairs(
        merges.map((line) => line.split(' ')),
        join(texts.place, 'merges.txt'),
      ),
      added: [],
    };
  }
  const whole = texts.json('tokenizer.json', tokenizerJsonSchema);
  if (whole) {
    return {
      vocabulary: new Map(Object.entries(whole.model.vocab)),
      merges: pairs(whole.model.merges, join(texts.place, 'tokenizer.json')),
      added: whole.added_tokens.map(({ id, ...token }) => ({ id, token })),
    };
  }
  throw new InputError(
    `expected a tokenizer in ${texts.place} (vocab.json with merges.txt, or tokenizer.json), so check that the folder is complete`,
  );
}

/**
 * Reads a tokenizer's files as transformers does: tokenizer_config.json names the tokens' roles; where it does not list
 * the added tokens itself, special_tokens_map.json has the last word about roles and added_tokens.json lists the added
 * ones; `place` is what an error calls their folder.
 * https://github.com/huggingface/transformers/blob/v4.57.0/src/transformers/tokenization_utils_base.py (_from_pretrained)
 *
 * Throws InputError where a file is missing or does not fit.
 */
export function parseClipTokenizer(files: TokenizerFiles, place: string): ClipTokenizerFiles {
  const texts = new TokenizerTexts(files, place);
  const { vocabulary, merges, added } = symbolsOf(texts);
  const config = texts.json('tokenizer_config.json', configSchema) ?? configSchema.parse({});
  const decoder = config.added_tokens_decoder;
  const roles = { ...config };
  const addedTokens = [...added];
  const legacyTokens: SpecialToken[] = [];
  if (decoder) {
    for (const [id, token] of Object.entries(decoder)) addedTokens.push({ id: Number(id), token });
  } else {
    Object.assign(roles, texts.json('special_tokens_map.json', rolesSchema));
    const legacy = texts.json('added_tokens.json', vocabularySchema) ?? {};
    for (const [content, id] of Object.entries(legacy)) {
      vocabulary.set(content, id);
      legacyTokens.push({ content, normalized: true, lstrip: false, rstrip: false, single_word: false });
    }
  }
  for (const { id, token } of addedTokens) vocabulary.set(token.content, id);

  const byRole = (name: keyof typeof ROLES | 'pad_token', fallback: string): SpecialToken =>
    roles[name]?.content ? roles[name] : tokenSchema.parse(fallback);
  const begin = byRole('bos_token', ROLES.bos_token);
  const end = byRole('eos_token', ROLES.eos_token);
  const unknown = byRole('unk_token', ROLES.unk_token);
  const pad = byRole('pad_token', end.content);

  // The first description of a token counts; the lists of added tokens are the most explicit ones.
  const special = new Map<string, SpecialToken>();
  const listed = addedTokens.map(({ token }) => token);
  const others = roles.additional_special_tokens ?? [];
  for (const token of [...listed, begin, end, unknown, pad, ...others, ...legacyTokens]) {
    if (token.content !== '' && !special.has(token.content)) special.set(token.content, token);
  }
  for (const content of special.keys()) {
    if (!vocabulary.has(content)) {
      throw new InputError(
        `the special token "${content}" in ${place} is not in the vocabulary, so add it there`,
      );
    }
  }

  const limit = config.model_max_length;
  return {
    vocabulary,
    merges,
    begin: begin.content,
    end: end.content,
    unknown: unknown.content,
    pad: pad.content,
    specialTokens: [...special.values()],
    modelMaxLength: limit && limit < NO_LIMIT ? limit : DEFAULT_MAX_LENGTH,
  };
}
