/** A small folder of captioned pictures, drawn by the test. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePng } from '../../src/formats/index.js';
import { Random } from '../../src/tensor/index.js';

/** Pictures of 32×32 pixels, named 0.png, 1.png, …, with captions beside them. */
export async function drawPictures(folder: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const data = Uint8Array.from(new Random(i, 'test picture').integers(3 * 32 * 32, 0, 256));
    await writeFile(join(folder, `${i}.png`), await encodePng({ width: 32, height: 32, data }));
    await writeFile(join(folder, `${i}.txt`), `picture number ${i}`);
  }
}
