/** What a result says about the machine it was measured on: nothing that names it. */
import { existsSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
  readonly onnxruntime: string;
}

export function machineFacts(): Machine {
  const manifest = new URL('../node_modules/onnxruntime-node/package.json', import.meta.url);
  return {
    processor: `${cpus()[0]!.model}${vectorUnits()}`,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    onnxruntime: JSON.parse(readFileSync(manifest, 'utf8')).version,
  };
}

/** The widest vector instructions, where Linux tells. */
function vectorUnits(): string {
  if (!existsSync('/proc/cpuinfo')) return '';
  const flags = readFileSync('/proc/cpuinfo', 'utf8');
  const widest = ['avx512f', 'avx2'].find((flag) => new RegExp(`\\b${flag}\\b`).test(flags));
  return widest ? ` with ${widest === 'avx2' ? 'AVX2' : 'AVX-512'}` : '';
}

const TCMALLOC = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '', '../lib64'].flatMap((folder) =>
  ['libtcmalloc_minimal.so.4', 'libtcmalloc.so.4'].map((file) => `/usr/lib/${folder}/${file}`),
);

/** The allocator that both sides are run with, where it is installed: glibc's gives memory back at every free. */
export function tcmalloc(): string | undefined {
  return TCMALLOC.find((path) => existsSync(path));
}
