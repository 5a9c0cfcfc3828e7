/** The golden command: finding cases, choosing runners, and going on where one fails. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { outcomeOf } from '../../golden/kinds.js';
import { runGolden } from '../../golden/run.js';
import { temporaryFolder } from '../support/temporary.js';

it('prints a line for each quantity, skips what is not built, and goes on after a failure', async () => {
  const folder = await temporaryFolder();
  const cases = ['schedulers/broken', 'text/t5', 'something/new'];
  for (const kind of cases) {
    await mkdir(join(folder, kind), { recursive: true });
    await writeFile(join(folder, kind, 'case.json'), '{}');
  }
  await cp('test/fixtures/schedulers/train-linear', join(folder, 'schedulers/train-linear'), {
    recursive: true,
  });
  await cp('test/fixtures/schedulers/ddim-sd15', join(folder, 'schedulers/wrong'), { recursive: true });
  await cp(
    'test/fixtures/schedulers/euler-sd15/scheduler_config.json',
    join(folder, 'schedulers/wrong/scheduler_config.json'),
  );
  const lines: string[] = [];
  const tally = await runGolden(folder, (line) => lines.push(line));
  const of = (kind: string) => lines.filter((line) => line.startsWith(`${kind}: `));
  expect(of('text/t5')).toEqual(['text/t5: SKIP (the T5 encoder is not built yet)']);
  expect(of('something/new')).toEqual(['something/new: SKIP (no runner knows this kind)']);
  expect(of('schedulers/broken')).toEqual([expect.stringMatching(/threw Error: .* FAIL$/)]);
  expect(of('schedulers/train-linear').every((line) => / error .*, tolerance .* PASS$/.test(line))).toBe(
    true,
  );
  expect(of('schedulers/wrong').some((line) => line.endsWith('FAIL'))).toBe(true);
  expect(tally.skipped).toBe(2);
  expect(tally.passed).toBe(lines.filter((line) => line.endsWith('PASS')).length);
  expect(tally.failed).toBe(lines.filter((line) => line.endsWith('FAIL')).length);
});

it('knows a kind by the end of its path', () => {
  expect(outcomeOf('/anywhere/unet/sd15')).toBeTypeOf('function');
  expect(outcomeOf('sara/steps/any-variant')).toBeTypeOf('function');
  expect(outcomeOf('xunet/sd15')).toBe('no runner knows this kind');
});
