import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exists } from '../../src/formats/index.js';
import { lockFolder } from '../../src/train/lock.js';
import { temporaryFolder } from '../support/temporary.js';

it('lets one in at a time', async () => {
  const folder = await temporaryFolder();
  const lock = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${process.pid} on ${hostname()}`);
  await lock.release();
  await (await lockFolder(folder)).release();
  expect(await exists(join(folder, 'run.lock'))).toBe(false);
});

it.each([
  ['of a process that is gone', { pid: 2 ** 22 + 1, host: hostname() }],
  ['of an earlier process of the same number', { pid: process.pid, host: hostname(), started: '1' }],
])('takes over a lock %s', async (_, holder) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'run.lock'), JSON.stringify(holder));
  const lock = await lockFolder(folder);
  expect(JSON.parse(await readFile(join(folder, 'run.lock'), 'utf8')).pid).toBe(process.pid);
  await lock.release();
});

it('takes over a lock that was cut short', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'run.lock'), '{"pid"');
  await (await lockFolder(folder)).release();
});

it('does not judge processes of another machine', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'run.lock'), JSON.stringify({ pid: 1, host: 'elsewhere' }));
  await expect(lockFolder(folder)).rejects.toThrow(/process 1 on elsewhere; .*remove .*run\.lock/);
});
