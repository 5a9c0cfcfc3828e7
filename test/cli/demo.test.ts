/** `sara demo` as a process, on a tiny model and few pictures. */
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readImage } from '../../src/formats/index.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, writeTinyModel } from '../support/tiny-model.js';

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command line; `onLine` gets each line of standard output and a way to send SIGINT. */
function sara(
  args: readonly string[],
  onLine?: (line: string, interrupt: () => void) => void,
): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args]);
  const outcome: Outcome = { code: null, stdout: '', stderr: '' };
  let pending = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    outcome.stdout += text;
    const lines = (pending + text).split('\n');
    pending = lines.pop()!;
    for (const line of lines) onLine?.(line, () => child.kill('SIGINT'));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    outcome.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...outcome, code }));
  });
}

/** Settings for a tiny model and pictures in a new folder. */
async function stage(): Promise<{ folder: string; args: string[] }> {
  const folder = await temporaryFolder();
  await writeTinyModel(join(folder, 'model'));
  await drawPictures(join(folder, 'style'), 4);
  await drawPictures(join(folder, 'held-out'), 2);
  await drawPictures(join(folder, 'old'), 2);
  const folders = ['model', 'style', 'held-out', 'old'].map((name) => join(folder, name));
  const [model, data, heldOut, keep] = folders as [string, string, string, string];
  const args = ['--model', model, '--data', data, '--held-out', heldOut, '--keep', keep];
  args.push('--threshold', '0.01', '--steps', '6', '--batch', '2', '--sample-steps', '2', '--threads', '1');
  return { folder, args };
}

const eventsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('sara demo', () => {
  it('shows what training did, and does it again when asked again', async () => {
    const { folder, args } = await stage();
    const out = join(folder, 'run');
    for (let time = 0; time < 2; time++) {
      const { code, stdout, stderr } = await sara(['demo', ...args, '--out', out]);
      expect(stderr).not.toContain('going on');
      expect(code).toBe(0);
      expect(stdout).toContain('new style, held out');
      expect(stdout).toContain('old style: old');
      for (const file of ['adapter.safetensors', 'before-after.png', 'report.html'])
        expect(stdout).toContain(join(out, file));
      expect((await readdir(out)).sort()).toEqual(
        [
          'adapter.safetensors',
          'before-after.png',
          'checkpoints',
          'config.yaml',
          'metrics.jsonl',
          'report.html',
        ].sort(),
      );
    }
    const sheet = await readImage(join(out, 'before-after.png'));
    expect(sheet.width).toBeGreaterThan(4 * 128);
    const page = await readFile(join(out, 'report.html'), 'utf8');
    expect(page.match(/<img /g)).toHaveLength(3 * (4 + 2 + 2));
    expect(page).not.toMatch(/https?:/);
    expect(page).toContain(
      `npx sara generate --model ${join(folder, 'model')} --adapter ${join(out, 'adapter.safetensors')}`,
    );
  });

  it('goes on where it was interrupted, to the same adapter', async () => {
    const { folder, args } = await stage();
    const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
    const first = await sara(['demo', '--json', ...args, '--out', whole]);
    expect(eventsOf(first.stdout).at(-1)).toMatchObject({ type: 'finished', total: expect.any(Number) });

    const stopped = await sara(['demo', '--json', ...args, '--out', broken], (line, interrupt) => {
      if (JSON.parse(line).step === 2) interrupt();
    });
    expect(stopped.code).toBe(130);
    expect(await readdir(broken)).not.toContain('report.html');
    const resumed = eventsOf((await sara(['demo', '--json', ...args, '--out', broken])).stdout);
    expect(resumed.map(({ type }) => type)).toContain('resumed');
    expect(resumed.at(-1).losses).toEqual(eventsOf(first.stdout).at(-1).losses);

    await rm(join(broken, 'report.html'));
    const reported = eventsOf((await sara(['demo', '--json', ...args, '--out', broken])).stdout);
    expect(reported.filter(({ type }) => type === 'step')).toEqual([]);
    const [a, b] = await Promise.all(
      [whole, broken].map((run) => readFile(join(run, 'adapter.safetensors'))),
    );
    expect(a!.equals(b!)).toBe(true);
  });

  it('leaves a folder alone that holds something else', async () => {
    const { folder, args } = await stage();
    const out = join(folder, 'letters');
    await mkdir(out);
    await writeFile(join(out, 'report.html'), 'mine');
    const { code, stderr } = await sara(['demo', ...args, '--out', out]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${out} is not empty and holds no training run`);
    expect(await readFile(join(out, 'report.html'), 'utf8')).toBe('mine');
  });
});
