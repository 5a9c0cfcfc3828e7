/** The rooms of src/ and the order in which they may import each other; what each file owes its reader. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** A room imports only rooms of tiers before its own; src/errors.ts is below them all. */
const TIERS = [
  ['tensor'],
  ['formats', 'graph', 'kernels', 'runtime'],
  ['ops'],
  ['autodiff', 'nn', 'linalg'],
  ['models', 'diffusion', 'peft'],
  ['generate', 'interop'],
  ['train', 'metrics', 'analysis'],
  ['report'],
  ['cli'],
];

/** Files outside the rooms: what everything may use, and the public list, which only names what rooms export. */
const LOOSE = ['errors.ts', 'index.ts'];

/** Packages that one room knows on behalf of all. */
const OWNERS: Record<string, string> = {
  'onnxruntime-node': 'runtime',
  'ml-matrix': 'interop',
  sharp: 'formats',
  '@huggingface/hub': 'formats',
  yauzl: 'formats',
  'wink-nlp': 'metrics',
  'wink-eng-lite-web-model': 'metrics',
  '@bufbuild/protobuf': 'graph',
  commander: 'cli',
  '@commander-js/extra-typings': 'cli',
  'cli-progress': 'cli',
};

const GENERATED = join('graph', 'onnx', 'onnx_pb.ts');
const MOST_LINES = 500;

interface SourceFile {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files: SourceFile[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    return { path, room: roomOf(path), text, imports: importsOf(text) };
  });

function roomOf(path: string): string {
  return path.split(sep)[0]!;
}

/** Sources of import and export statements, dynamic imports, and modules that workers start from. */
function importsOf(text: string): string[] {
  const patterns = [
    /^(?:import|export)\b[^'";=]*\bfrom\s*['"]([^'"]+)['"]/gm,
    /^import\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
    /\bnew URL\(\s*['"]([^'"]+)['"]\s*,\s*import\.meta\.url/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]!));
}

const tierOf = (room: string): number => TIERS.findIndex((tier) => tier.includes(room));

function mayImport(from: string, to: string): boolean {
  if (to === 'errors.ts') return true;
  if (from === 'index.ts') return to !== 'cli';
  return tierOf(to) !== -1 && tierOf(to) < tierOf(from);
}

function packageOf(source: string): string {
  return source
    .split('/')
    .slice(0, source.startsWith('@') ? 2 : 1)
    .join('/');
}

describe('rooms', () => {
  test('every folder of src has its tier', () => {
    const rooms = new Set(files.map(({ room }) => room));
    expect([...rooms].filter((room) => tierOf(room) === -1 && !LOOSE.includes(room))).toEqual([]);
  });

  test('import leftward only, never sideways', () => {
    const wrong = files.flatMap(({ path, room, imports }) =>
      imports
        .filter((source) => source.startsWith('.'))
        .map((source) => relative(SRC, join(SRC, dirname(path), source)))
        .filter((target) => !target.startsWith('..'))
        .filter((target) => roomOf(target) !== room && !mayImport(room, roomOf(target).replace('.js', '.ts')))
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('one room knows a package on behalf of all', () => {
    const wrong = files.flatMap(({ path, room, imports }) =>
      imports
        .map(packageOf)
        .filter((name) => OWNERS[name] !== undefined && OWNERS[name] !== room)
        .map((name) => `${path} imports ${name}, which belongs to ${OWNERS[name]}`),
    );
    expect(wrong).toEqual([]);
  });

  test('only the command line ends the process', () => {
    const ending = files.filter(({ text }) => /\bprocess\.(exit|abort)\s*\(/.test(text));
    expect(ending.map(({ path }) => path).filter((path) => path !== join('cli', 'main.ts'))).toEqual([]);
  });
});

describe('files', () => {
  test('open with a sentence that says what they hold', () => {
    const silent = files.filter(({ path, text }) => {
      const start = text.replace(/^#!.*\n/, '');
      return path !== GENERATED && !/^(\/\*\*\s*(\*\s*)?|\/\/ )[\w`]/.test(start);
    });
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test(`have at most ${MOST_LINES} lines`, () => {
    const long = files.filter(({ path, text }) => path !== GENERATED && text.split('\n').length > MOST_LINES);
    expect(long.map(({ path }) => path)).toEqual([]);
  });
});
