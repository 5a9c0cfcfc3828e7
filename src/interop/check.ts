/** Looking at a file for others: what it is, and which applications load it. */
import { InputError } from '../errors.js';
import { openTensorFile } from '../formats/index.js';
import { TorchArchive } from '../formats/torch/archive.js';
import type { DType } from '../tensor/index.js';
import {
  APPLICATIONS,
  type Application,
  BY_KIND,
  BY_TRAIT,
  type Loads,
  type Verdict,
} from './applications.js';
import { FILE_KINDS, FILE_TRAITS, type FileKind, type FileTrait, type Recognized } from './file-kinds.js';
import { recognize } from './recognize.js';

export interface FileCheck {
  readonly path: string;
  readonly kind: FileKind;
  readonly traits: readonly FileTrait[];
  /** Kind and traits in words. */
  readonly description: string;
  /** What is wrong with the file, if anything is. */
  readonly problem?: string | undefined;
  readonly tensors: number;
  /** The types of its tensors, by how many there are. */
  readonly dtypes: readonly DType[];
  readonly applications: readonly (Verdict & { readonly application: Application })[];
}

/** Reads names, shapes and metadata, never the weights. Throws InputError where the file cannot be opened at all. */
export async function checkFile(path: string): Promise<FileCheck> {
  const { dtypes, tensors, ...recognized } = await look(path);
  const { kind, traits, problem } = recognized;
  const verdicts = APPLICATIONS.map((application) => ({
    application,
    ...verdictOf(application, recognized),
  }));
  const words = [FILE_KINDS[kind], ...traits.map((trait) => FILE_TRAITS[trait])];
  return {
    path,
    kind,
    traits,
    description: words.join('; '),
    problem,
    tensors,
    dtypes,
    applications: verdicts,
  };
}

type Look = Recognized & Pick<FileCheck, 'tensors' | 'dtypes'>;

async function look(path: string): Promise<Look> {
  try {
    const file = await openTensorFile(path);
    try {
      const counts = new Map<DType, number>();
      for (const { dtype } of file.tensors.values()) counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
      const dtypes = [...counts].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype);
      return { ...recognize(file), tensors: file.tensors.size, dtypes };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof InputError) || isRefusal(error)) throw error;
    return (
      (await lookAtPickle(path)) ?? { kind: 'unreadable', traits: [], problem: error.message, ...NOTHING }
    );
  }
}

const NOTHING = { tensors: 0, dtypes: [] } as const;

/** Whether it is the operating system that does not let the file be read. */
function isRefusal({ cause }: InputError): boolean {
  return cause instanceof Error && 'syscall' in cause;
}

/** PyTorch's files that are no dict of tensors by name. */
async function lookAtPickle(path: string): Promise<Look | undefined> {
  let value: unknown;
  try {
    const archive = await TorchArchive.open(path);
    value = archive.value;
    await archive.close();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
  if (!(value instanceof Map)) return undefined;
  if (value.has('string_to_param')) return { kind: 'pickled-embedding', traits: [], ...NOTHING };
  const numbers = [...value.keys()].filter((key) => typeof key === 'number').length;
  if (value.has('threshold') && numbers > 0) {
    return { kind: 'official-sara', traits: [], tensors: numbers, dtypes: [] };
  }
  return undefined;
}

const WORST_FIRST: readonly Loads[] = ['no', 'unknown', 'partly', 'yes'];

function verdictOf(application: Application, { kind, traits }: Recognized): Verdict {
  const severity = ({ loads }: Verdict) => WORST_FIRST.indexOf(loads);
  let verdict = BY_KIND[kind][application];
  for (const trait of traits) {
    const changed = BY_TRAIT[trait][application];
    if (changed && verdict.loads !== 'no' && severity(changed) <= severity(verdict)) verdict = changed;
  }
  return verdict;
}
