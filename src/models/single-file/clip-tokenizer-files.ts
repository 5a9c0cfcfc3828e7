/** CLIP's tokenizer as this package brings it along, since single files have none. */
import { fileURLToPath } from 'node:url';
import { type ClipTokenizerFiles, parseClipTokenizer } from '../../formats/clip-tokenizer-folder.js';
import { readTokenizerFiles, type TokenizerFiles } from '../../formats/index.js';

const FOLDER = fileURLToPath(new URL('../../../models/clip-tokenizer/', import.meta.url));

/** The files that describe the tokens' roles, where they name the one that fills up a prompt. */
const ROLES = ['tokenizer_config.json', 'special_tokens_map.json'];

/** The files of a tokenizer folder with this token to fill up prompts. */
export async function clipTokenizerFiles(pad: string): Promise<TokenizerFiles> {
  const files = new Map(await readTokenizerFiles(FOLDER));
  for (const name of ROLES) {
    const roles = JSON.parse(new TextDecoder().decode(files.get(name)));
    files.set(name, Buffer.from(`${JSON.stringify({ ...roles, pad_token: pad }, null, 2)}\n`));
  }
  return files;
}

/** Entries of CLIP's vocabulary. */
const VOCABULARY = 49408;

/** Whether this tokenizer is CLIP's with this token to fill up prompts, so that nothing is lost without its files. */
export async function isClipTokenizer(files: TokenizerFiles, pad: string): Promise<boolean> {
  const own = parseClipTokenizer(files, 'tokenizer');
  if (own.vocabulary.size !== VOCABULARY) return false;
  return meaning(own) === meaning(parseClipTokenizer(await clipTokenizerFiles(pad), FOLDER));
}

/** All that a tokenizer does, as text to compare. */
function meaning({ vocabulary, specialTokens, ...rest }: ClipTokenizerFiles): string {
  return JSON.stringify([[...vocabulary].sort(([, a], [, b]) => a - b), rest]);
}
