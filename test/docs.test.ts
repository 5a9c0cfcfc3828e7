/** The documentation's promises: links lead somewhere, the library example runs, the list of settings is the program's own. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { analyze } from '../src/cli/analyze.js';
import { caption } from '../src/cli/caption.js';
import { check } from '../src/cli/check.js';
import { toCommand } from '../src/cli/command.js';
import { compare } from '../src/cli/compare/command.js';
import { convert } from '../src/cli/convert.js';
import { demo } from '../src/cli/demo/command.js';
import { doctor } from '../src/cli/doctor.js';
import { evaluate } from '../src/cli/evaluate.js';
import { exportCommand } from '../src/cli/export.js';
import { generate } from '../src/cli/generate.js';
import { importCommand } from '../src/cli/import.js';
import { inspect } from '../src/cli/inspect.js';
import { merge } from '../src/cli/merge.js';
import { methods } from '../src/cli/methods.js';
import { train } from '../src/cli/train.js';
import { temporaryFolder } from './support/temporary.js';
import { drawPictures, writeTinyModel } from './support/tiny-model.js';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** As `sara --help` lists them. */
const COMMANDS = [
  toCommand(demo, () => {}),
  toCommand(train, () => {}),
  toCommand(methods, () => {}),
  toCommand(generate, () => {}),
  toCommand(caption, () => {}),
  toCommand(evaluate, () => {}),
  toCommand(compare, () => {}),
  toCommand(merge, () => {}),
  toCommand(convert, () => {}),
  toCommand(importCommand, () => {}),
  toCommand(exportCommand, () => {}),
  toCommand(check, () => {}),
  toCommand(inspect, () => {}),
  toCommand(analyze, () => {}),
  toCommand(doctor, () => {}),
];

test.each(PAGES)('the links of %s lead somewhere', (page) => {
  const targets = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#]+)/g)].map((match) => match[1]!);
  const dead = targets.filter(
    (target) => !/^https?:/.test(target) && !existsSync(join(dirname(page), target)),
  );
  expect(dead).toEqual([]);
});

test.each(PAGES)('the files that %s names exist', (page) => {
  const named = [...readFileSync(page, 'utf8').matchAll(/`((?:src|test|golden|bench|scripts)\/[\w./-]+)`/g)];
  expect(named.map((match) => match[1]!).filter((path) => !existsSync(path))).toEqual([]);
});

test.each(PAGES)('the flags that %s gives to a command are flags of it', (page) => {
  const lines =
    readFileSync(page, 'utf8').match(
      /sara (demo|train|generate|caption|evaluate|compare|merge|convert|import|export|check|inspect|methods|analyze|doctor)\b[^`\n]*/g,
    ) ?? [];
  const wrong = lines.flatMap((line) => {
    const command = COMMANDS.find((candidate) => candidate.name() === line.split(' ')[1])!;
    const known = ['--help', ...command.options.map((option) => option.long)];
    return (line.match(/--[a-z-]+/g) ?? [])
      .filter((flag) => !known.includes(flag))
      .map((flag) => `${line}: ${flag}`);
  });
  expect(wrong).toEqual([]);
});

test('docs/command-line.md is what the commands say', async () => {
  const listed = readFileSync('src/cli/main.ts', 'utf8').matchAll(/^ {2}(\w+): async .*toCommand/gm);
  expect([...listed].map((match) => match[1])).toEqual(COMMANDS.map((command) => command.name()));
  const sections = COMMANDS.map((command) => {
    const rows = [
      ...command.registeredArguments.map((argument) => [`<${argument.name()}>`, argument.description]),
      ...command.options.map((option) => [option.flags, option.description]),
    ];
    const table = rows.map(([flags, text]) => `| \`${flags}\` | ${text!.replaceAll('|', '\\|')} |`);
    return `## sara ${command.name()}\n\n${command.description()}\n\n| Setting | |\n|---|---|\n${table.join('\n')}\n`;
  });
  await expect(`${INTRODUCTION}\n${sections.join('\n')}`).toMatchFileSnapshot('../docs/command-line.md');
});

const INTRODUCTION = `# Command line

\`npx sara <command>\` in a clone after \`npm ci\`; \`sara <command>\` where the package is installed. \`sara <command> --help\` shows the same
with examples. Defaults stand in parentheses.

- \`--config run.yaml\` reads settings from YAML, named as the flags are (\`learning-rate: 1e-3\`); flags win. Lists are YAML lists.
- Unknown flags and settings are errors that suggest the right one.
- \`--json\` prints results, and of long work the events, as JSON on standard output. Progress goes to standard error: a bar in a terminal,
  plain lines elsewhere.
- Exit codes: 0 done, 1 input that cannot be used, 2 wrong usage, 130 stopped, 70 a bug. [Troubleshooting](troubleshooting.md) lists messages.
- Ctrl-C finishes the step, saves and ends; the second one ends at once.
`;

test("the README's library example runs", async () => {
  const folder = await temporaryFolder();
  await writeTinyModel(join(folder, 'model'));
  await drawPictures(join(folder, 'pictures'), 4);
  const example = /## As a library\n\n```ts\n([^`]*)```/.exec(readFileSync('README.md', 'utf8'))![1]!;
  const program = example
    .replace("'sara-diffusion'", JSON.stringify(pathToFileURL(resolve('src/index.ts')).href))
    .replace('models/emoji', join(folder, 'model'))
    .replace('data/fluent-3d', join(folder, 'pictures'))
    .replace('adapter.safetensors', join(folder, 'adapter.safetensors'));
  await writeFile(join(folder, 'example.ts'), program);
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import(pathToFileURL(join(folder, 'example.ts')).href);
  expect(log.mock.calls).toEqual([[expect.any(Number)]]);
  log.mockRestore();
  expect(existsSync(join(folder, 'adapter.safetensors'))).toBe(true);
});
