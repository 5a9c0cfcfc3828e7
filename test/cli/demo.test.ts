/** `sara demo` on a tiny model and few pictures: once as a process, and its task at every place where it may be stopped. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { demoSchema } from '../../src/cli/demo/config.js';
import { type DemoEvent, type DemoResult, demoTask } from '../../src/cli/demo/task.js';
import { readImage } from '../../src/formats/index.js';
import { kebab } from '../../src/train/settings.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, writeTinyModel } from '../support/tiny-model.js';

const SETTINGS = { threshold: '0.01', steps: '6', batch: '2', sampleSteps: '2', threads: '1' };

/** Settings for a tiny model and pictures in a new folder. */
async function stage() {
  const folder = await temporaryFolder();
  const at = (name: string) => join(folder, name);
  await writeTinyModel(at('model'));
  await drawPictures(at('style'), 4);
  await drawPictures(at('held-out'), 2);
  await drawPictures(at('old'), 2);
  return {
    ...SETTINGS,
    model: at('model'),
    data: at('style'),
    heldOut: at('held-out'),
    keep: [at('old')],
    at,
  };
}

type Stage = Awaited<ReturnType<typeof stage>>;

/** Does the task in this thread; `stopAt` says at which event it is asked to stop. */
async function perform(
  { at: _, ...settings }: Stage,
  out: string,
  stopAt: (event: DemoEvent) => boolean = () => false,
): Promise<{ result: DemoResult; events: DemoEvent[] }> {
  const { json: __, ...config } = demoSchema.parse({ ...settings, out });
  const events: DemoEvent[] = [];
  let stop = false;
  const onEvent = (event: DemoEvent) => {
    events.push(event);
    stop ||= stopAt(event);
  };
  return { result: await demoTask(config, onEvent, () => stop), events };
}

const typesOf = (events: readonly DemoEvent[]) => new Set(events.map(({ type }) => type));

describe('sara demo', () => {
  it('shows what training did, as a process', async () => {
    const { at, keep, ...settings } = await stage();
    const { model } = settings;
    const out = at('run');
    const flags = Object.entries({ ...settings, keep: keep[0]!, out });
    const args = flags.flatMap(([name, value]) => [`--${kebab(name)}`, value]);
    const { code, stdout, stderr } = await sara(['demo', ...args]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`This teaches ${model}`);
    expect(stdout).toContain('new style, held out');
    expect(stdout).toContain('old style: old');
    const files = ['adapter.safetensors', 'before-after.png', 'report.html'];
    for (const file of files) expect(stdout).toContain(relative('', join(out, file)));
    expect(await readdir(out)).toEqual(expect.arrayContaining(files));
    expect((await readImage(join(out, 'before-after.png'))).width).toBeGreaterThan(4 * 128);
    const page = await readFile(join(out, 'report.html'), 'utf8');
    expect(page.match(/<img /g)).toHaveLength(3 * (4 + 2 + 2));
    expect(page).not.toMatch(/https?:/);
    expect(page).toContain(
      `npx sara generate --model ${model} --adapter ${join(out, 'adapter.safetensors')}`,
    );
  });

  it('goes on where it was stopped, to the same adapter and losses', async () => {
    const scene = await stage();
    const [whole, broken] = [scene.at('whole'), scene.at('broken')];
    const reference = await perform(scene, whole);
    expect(reference.result).toMatchObject({
      status: 'finished',
      adapter: join(whole, 'adapter.safetensors'),
    });

    expect((await perform(scene, broken, ({ type }) => type === 'drawn')).result.status).toBe('stopped');
    const interrupted = await perform(scene, broken, (event) => event.type === 'step' && event.step === 2);
    expect(interrupted.result.status).toBe('stopped');
    expect(await readdir(broken)).not.toContain('report.html');

    const resumed = await perform(scene, broken);
    expect(typesOf(resumed.events)).toContain('resumed');
    expect(lossesOf(resumed.result)).toEqual(lossesOf(reference.result));
    const [a, b] = await Promise.all(
      [whole, broken].map((run) => readFile(join(run, 'adapter.safetensors'))),
    );
    expect(a!.equals(b!)).toBe(true);
  });

  it('does not train again where only the report is missing, and starts anew where nothing is', async () => {
    const scene = await stage();
    const out = scene.at('run');
    const first = await perform(scene, out);
    await rm(join(out, 'report.html'));
    const reported = await perform(scene, out);
    expect(typesOf(reported.events)).not.toContain('step');
    expect(lossesOf(reported.result)).toEqual(lossesOf(first.result));
    const anew = await perform({ ...scene, steps: '3' }, out);
    expect(anew.events.filter(({ type }) => type === 'step')).toHaveLength(3);
  });

  it('leaves a folder alone that holds something else', async () => {
    const scene = await stage();
    const out = scene.at('letters');
    await mkdir(out);
    await writeFile(join(out, 'report.html'), 'mine');
    await expect(perform(scene, out)).rejects.toThrow(`${out} is not empty and holds no training run`);
    expect(await readFile(join(out, 'report.html'), 'utf8')).toBe('mine');
  });
});

function lossesOf(result: DemoResult) {
  return result.status === 'finished' ? result.losses : result.status;
}

function sara(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}
