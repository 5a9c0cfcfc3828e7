/** `sara train` as a process: killed, interrupted, given bad input. */
import type { ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { exists } from '../../src/formats/index.js';
import { trainRun, trainSchema } from '../../src/train/index.js';
import { type Outcome, sara } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { drawPictures, writeTinyModel } from '../support/tiny-model.js';

vi.setConfig({ testTimeout: 300_000 });

const STEPS = 40;

let shared: string;
let model: string;
let data: string;

function train(
  out: string,
  more: readonly string[] = [],
  onLine?: (line: string, process: ChildProcess) => void,
): Promise<Outcome> {
  const shape = ['--steps', String(STEPS), '--batch', '2', '--checkpoint-every', '5', '--threads', '1'];
  const selection = ['--threshold', '5e-2', '--learning-rate', '1e-3'];
  return sara(
    ['train', '--model', model, '--data', data, '--out', out, ...shape, ...selection, ...more],
    onLine,
  );
}

/** Sends a signal once the step is done. */
function atStep(step: number, signal: NodeJS.Signals) {
  return (line: string, child: ChildProcess) => {
    const event = JSON.parse(line) as { type: string; step: number };
    if (event.type === 'step' && event.step === step) child.kill(signal);
  };
}

const refusal = (pattern: RegExp) => ({ code: 1, stdout: '', stderr: expect.stringMatching(pattern) });

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'sara-cli-train-'));
  model = join(shared, 'model');
  data = join(shared, 'data');
  await writeTinyModel(model);
  await drawPictures(data, 5);
  return () => rm(shared, { recursive: true });
});

describe('sara train', () => {
  it('ends with the same adapter whether it was killed, interrupted or left alone', async () => {
    const killed = await temporaryFolder();
    const interrupted = await temporaryFolder();
    const whole = await temporaryFolder();
    const adapter = (folder: string) => readFile(join(folder, 'adapter.safetensors'));

    const settings = { steps: STEPS, batch: 2, threads: 1, threshold: 5e-2, learningRate: 1e-3 };
    await trainRun(trainSchema.parse({ model, data, out: whole, ...settings }));

    expect((await train(killed, ['--json'], atStep(17, 'SIGKILL'))).signal).toBe('SIGKILL');
    expect(await readdir(killed)).toContain('run.lock');
    expect(await readdir(killed)).not.toContain('adapter.safetensors');
    const resumed = await train(killed);
    expect(resumed).toMatchObject({ code: 0, stdout: `${join(killed, 'adapter.safetensors')}\n` });
    expect(resumed.stderr).toMatch(
      /training [\d,]+ of 24,556 weights .* with \|w\| < 0.0500, learning rate 0.00100/,
    );
    expect(resumed.stderr).toContain('going on after step 15, from');
    expect(await adapter(killed)).toEqual(await adapter(whole));

    const stopped = await train(interrupted, ['--json'], atStep(22, 'SIGINT'));
    expect(stopped.code).toBe(130);
    const [, last] = /stopped after step (\d+) of 40; the same command again goes on/.exec(stopped.stderr)!;
    expect(await readdir(join(interrupted, 'checkpoints'))).toContain(`step-${last}.safetensors`);
    expect(await exists(join(interrupted, 'run.lock'))).toBe(false);
    expect((await train(interrupted, ['--json'])).code).toBe(0);
    expect(await adapter(interrupted)).toEqual(await adapter(whole));

    const again = await train(killed);
    expect(again).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('finished after 40 steps; --overwrite'),
    });
    expect(await train(killed, ['--seed', '3'])).toMatchObject(
      refusal(/holds a run with seed 0, this one has 3/),
    );
  });

  it('takes settings from a file, and flags before it', async () => {
    const out = await temporaryFolder();
    const config = join(await temporaryFolder(), 'config.yaml');
    const settings = `model: ${model}\ndata: ${data}\nsteps: 9\nthreshold: 5e-2\nlearning-rate: 1e-3\nsample-prompt: a fox\nsample-steps: 1\n`;
    await writeFile(config, settings);
    const outcome = await sara(['train', '--config', config, '--steps', '2', '--out', out, '--json']);
    expect(outcome.code).toBe(0);
    const events = outcome.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(events.filter(({ type }) => type === 'step')).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({
      type: 'finished',
      step: 2,
      result: join(out, 'adapter.safetensors'),
    });
    expect(await readdir(join(out, 'samples'))).toEqual(['step-000000.png', 'step-000002.png']);

    await writeFile(config, 'modle: x\n');
    expect(await sara(['train', '--config', config])).toMatchObject(
      refusal(/unknown setting "modle"; did you mean "model"/),
    );
    await writeFile(config, `model: ${model}\ndata: ${data}\nsteps: many\n`);
    expect(await sara(['train', '--config', config])).toMatchObject(
      refusal(/steps in .*: expected a whole number .*"many"/),
    );
  });

  it('refuses folders without pictures or captions, and names a broken picture', async () => {
    const out = join(await temporaryFolder(), 'run');
    const pictures = join(await temporaryFolder(), 'pictures');
    const given = ['--data', pictures, '--steps', '2'];
    expect(await train(out, given)).toMatchObject(refusal(/^sara: .*pictures.*\n$/));
    await drawPictures(pictures, 3);
    for (let i = 0; i < 3; i++) await rm(join(pictures, `${i}.txt`));
    expect(await train(out, given)).toMatchObject(refusal(/^sara: .*caption.*\n$/));
    await drawPictures(pictures, 3);
    await writeFile(join(pictures, '1.png'), (await readFile(join(pictures, '1.png'))).subarray(0, 300));
    expect(await train(out, given)).toMatchObject(refusal(/^sara: .*1\.png.*\n$/));
    expect(await exists(out)).toBe(false);
    const skipped = await train(out, [...given, '--skip-broken']);
    expect(skipped).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/2 pictures .*left out as broken: .*1\.png/),
    });
  });

  it('refuses a threshold that selects nothing, and a model file that is cut short or lies', async () => {
    const out = join(await temporaryFolder(), 'run');
    const none = await train(out, ['--threshold', '1e-30', '--train-only', 'conv_in.weight']);
    expect(none).toMatchObject(refusal(/\nsara: threshold 1e-30 selects nothing.*\n$/));
    const broken = join(await temporaryFolder(), 'model');
    await writeTinyModel(broken);
    const weights = join(broken, 'unet', 'diffusion_pytorch_model.safetensors');
    const bytes = await readFile(weights);
    await writeFile(weights, bytes.subarray(0, bytes.length / 2));
    expect(await train(out, ['--model', broken])).toMatchObject(
      refusal(/^sara: .*diffusion_pytorch_model.*\n$/),
    );
    bytes.writeBigUInt64LE(2n ** 40n);
    await writeFile(weights, bytes);
    expect(await train(out, ['--model', broken])).toMatchObject(
      refusal(/^sara: .*diffusion_pytorch_model.*\n$/),
    );
  });

  it('tells that the disk is full, and goes on from the last good checkpoint once there is room', async ({
    skip,
  }) => {
    const disk = join(await temporaryFolder(), 'disk');
    execFileSync('mkdir', [disk]);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      skip('needs the right to mount a small file system');
    }
    onTestFinished(() => void execFileSync('umount', [disk]));
    const out = join(disk, 'run');
    const full = await train(out);
    expect(full).toMatchObject(
      refusal(/sara: cannot write .*step-\d+\.safetensors: no space is left on the device.*\n$/),
    );
    expect(await exists(join(out, 'run.lock'))).toBe(false);
    expect((await readdir(join(out, 'checkpoints'))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=8m', disk]);
    const resumed = await train(out);
    expect(resumed).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/going on after step \d+, from/),
    });
  });
});
