/** Compiles the kernels of src/kernels/assembly into src/kernels/wasm.ts: `npm run kernels`. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OPTIONS = [
  'src/kernels/assembly/index.ts',
  '-O3',
  ...['--enable', 'simd,threads'],
  ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '16384'],
  ...['--runtime', 'stub', '--use', 'abort='],
  ...['--outFile', 'kernels.wasm'],
];

/** The text of src/kernels/wasm.ts. Throws where the compiler refuses the kernels. */
export async function compileKernels(): Promise<string> {
  let module: Uint8Array | undefined;
  const { error, stderr } = await asc.main([...OPTIONS, '--baseDir', ROOT], {
    writeFile: (_name, contents) => {
      module = Buffer.from(contents);
    },
  });
  if (error || !module) throw new Error(`the kernels do not compile: ${stderr.toString()}`, { cause: error });
  return [
    '/** The compiled kernels of assembly/, in base64; written by `npm run kernels`. */',
    `export const KERNELS =\n  '${Buffer.from(module).toString('base64')}';`,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../src/kernels/wasm.ts', import.meta.url), await compileKernels());
}
