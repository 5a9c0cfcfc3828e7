/** The command line as its users run it: a process of the built program, with output and an exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll, expect } from 'vitest';

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** The build of the sources as they are now, made once for each test file. */
let built: Promise<string> | undefined;

afterAll(async () => {
  if (built) await rm(await built, { recursive: true });
});

/** Starts `sara`; `onLine` gets each line of standard output, and may end the process. */
export async function sara(
  args: readonly string[],
  onLine: (line: string, process: ChildProcess) => void = () => {},
): Promise<Outcome> {
  return run([await builtCommand(), ...args], onLine);
}

/** Runs a command that must end well, and gives what it prints. */
export async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sara(args);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trim();
}

/** The built program's file. */
export async function builtCommand(): Promise<string> {
  built ??= build();
  return join(await built, 'dist/cli/main.js');
}

/** The same from the sources, as in development. */
export function saraFromSource(args: readonly string[]): Promise<Outcome> {
  return run(['--import', 'tsx', 'src/cli/main.ts', ...args], () => {});
}

function run(
  args: readonly string[],
  onLine: (line: string, process: ChildProcess) => void,
): Promise<Outcome> {
  const child = spawn(process.execPath, args);
  let stdout = '';
  let stderr = '';
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line, child);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** What `npm run build` makes, without its checks: a package folder. */
async function build(): Promise<string> {
  await mkdir('.cache', { recursive: true });
  const folder = await mkdtemp('.cache/sara-');
  await cp('package.json', join(folder, 'package.json'));
  await symlink(resolve('models'), join(folder, 'models'));
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  for (const path of await readdir('src', { recursive: true })) {
    if (!path.endsWith('.ts')) continue;
    const fileName = join('src', path);
    const source = await readFile(fileName, 'utf8');
    const { outputText } = ts.transpileModule(source, { compilerOptions, fileName });
    const target = join(folder, 'dist', relative('src', fileName).replace(/\.ts$/, '.js'));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, outputText);
  }
  return folder;
}
