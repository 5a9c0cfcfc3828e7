/** The matrices that SaRA's rank loss may draw, by shape: those with two axes, both longer than 64. */
import { type JsonObject, parseUNetConfig, unetParameterShapes } from '../src/models/index.js';

const MIN_SIDE = 64;
/** Of a matrix's entries, the share that is trained. */
export const RANK_SHARE = 0.058;

export interface RankMatrix {
  readonly shape: readonly [number, number];
  /** How many matrices of the network have this shape. */
  readonly count: number;
}

export function rankMatrices(unet: JsonObject): RankMatrix[] {
  const counts = new Map<string, number>();
  for (const shape of unetParameterShapes(parseUNetConfig(unet)).values()) {
    if (shape.length === 2 && Math.min(...shape) > MIN_SIDE)
      counts.set(`${shape}`, (counts.get(`${shape}`) ?? 0) + 1);
  }
  return [...counts].map(([shape, count]) => ({
    shape: shape.split(',').map(Number) as [number, number],
    count,
  }));
}
