/** What a tokenizer folder of diffusers or transformers says about a CLIP tokenizer. */
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../errors.js';
import { END_OF_WORD } from './byte-pair-encoding.js';
import { exists, readJson, readText } from './files.js';

/** A token that is found in a text as it stands, before words are looked for. */
export interface SpecialToken {
  readonly content: string;
  /** Found in the normalised (lower-case) text rather than in the text as given. */
  readonly normalized: boolean;
  /** Takes the white space before it along. */
  readonly lstrip: boolean;
  /** Takes the white space after it along. */
  readonly rstrip: boolean;
  /** Found only where no letter or digit touches it. */
  readonly single_word: boolean;
}

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
  model_max_length: z.number().positive().nullish(),
  added_tokens_decoder: z.record(z.string(), tokenSchema).nullish(),
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

async function readSymbols(folder: string): Promise<Symbols> {
  const vocabularyPath = join(folder, 'vocab.json');
  const mergesPath = join(folder, 'merges.txt');
  const jsonPath = join(folder, 'tokenizer.json');
  if ((await exists(vocabularyPath)) && (await exists(mergesPath))) {
    const lines = (await readText(mergesPath)).split(/\r?\n/);
    const merges = lines.filter((line) => line !== '' && !line.startsWith('#version'));
    return {
      vocabulary: new Map(Object.entries(await readJson(vocabularyPath, vocabularySchema))),
      merges: pairs(
        merges.map((line) => line.split(' ')),
        mergesPath,
      ),
      added: [],
    };
  }
  if (await exists(jsonPath)) {
    const { model, added_tokens } = await readJson(jsonPath, tokenizerJsonSchema);
    return {
      vocabulary: new Map(Object.entries(model.vocab)),
      merges: pairs(model.merges, jsonPath),
      added: added_tokens.map(({ id, ...token }) => ({ id, token })),
    };
  }
  throw new InputError(
    `expected a tokenizer in ${folder} (vocab.json with merges.txt, or tokenizer.json), so check that the folder is complete`,
  );
}

/**
 * Reads a folder as transformers does: tokenizer_config.json names the tokens' roles; special_tokens_map.json has the
 * last word about them, unless the config lists the added tokens itself.
 * https://github.com/huggingface/transformers/blob/main/src/transformers/tokenization_utils_base.py (_from_pretrained)
 *
 * Throws InputError where a file is missing or does not fit.
 */
export async function readClipTokenizerFolder(folder: string): Promise<ClipTokenizerFiles> {
  const { vocabulary, merges, added } = await readSymbols(folder);
  const optional = async <T extends z.ZodType>(name: string, schema: T): Promise<z.infer<T>> =>
    (await exists(join(folder, name))) ? readJson(join(folder, name), schema) : schema.parse({});

  const config = await optional('tokenizer_config.json', configSchema);
  const decoder = config.added_tokens_decoder;
  const map = decoder ? {} : await optional('special_tokens_map.json', rolesSchema);
  const roles = { ...config, ...map };

  const fromDecoder = Object.entries(decoder ?? {}).map(([id, token]) => ({ id: Number(id), token }));
  const addedTokens = [...added, ...fromDecoder];
  for (const { id, token } of addedTokens) vocabulary.set(token.content, id);

  const byRole = (name: keyof typeof ROLES | 'pad_token', fallback: string): SpecialToken =>
    roles[name] ?? tokenSchema.parse(fallback);
  const begin = byRole('bos_token', ROLES.bos_token);
  const end = byRole('eos_token', ROLES.eos_token);
  const unknown = byRole('unk_token', ROLES.unk_token);
  const pad = byRole('pad_token', end.content);

  // The first description of a token counts: the added tokens', which is the most explicit one.
  const special = new Map<string, SpecialToken>();
  const others = roles.additional_special_tokens ?? [];
  for (const token of [...addedTokens.map((entry) => entry.token), begin, end, unknown, pad, ...others]) {
    if (token.content !== '' && !special.has(token.content)) special.set(token.content, token);
  }
  for (const content of special.keys()) {
    if (!vocabulary.has(content)) {
      throw new InputError(
        `the special token "${content}" in ${folder} is not in the vocabulary, so add it there`,
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
