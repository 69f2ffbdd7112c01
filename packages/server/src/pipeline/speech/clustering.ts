/** Grouping of points by average linkage, with the number of groups from the silhouette (Rousseeuw 1987). Pure. */

export interface Clustering {
  /** The group of each point, counted from 0 in the order of first appearance. */
  readonly labels: readonly number[];
  readonly groups: number;
  /** Mean silhouette, -1 … 1: how clearly the groups stand apart. Null for one group. */
  readonly silhouette: number | null;
}

export interface ClusteringRules {
  /** The number of groups, when it is known. */
  readonly groups: number | null;
  readonly groupsMax: number;
  /** Groups that stand apart less than this are taken as one. */
  readonly silhouetteMin: number;
}

/** `points` have as many numbers each; they are brought to one scale here. O(n³) in their number: a few hundred. */
export function cluster(points: readonly Float64Array[], rules: ClusteringRules): Clustering {
  const count = points.length;
  const one: Clustering = { labels: points.map(() => 0), groups: count === 0 ? 0 : 1, silhouette: null };
  const wanted = rules.groups === null ? null : Math.min(rules.groups, count);
  if (count < 2 || wanted === 1) return one;
  const distances = distancesOf(standardised(points));
  if (wanted !== null) {
    const labels = linkage(distances, [wanted]).get(wanted) ?? one.labels;
    return { labels, groups: wanted, silhouette: silhouetteOf(distances, labels) };
  }
  const candidates = Array.from({ length: Math.min(rules.groupsMax, count - 1) - 1 }, (_, i) => i + 2);
  let best = one;
  for (const [groups, labels] of linkage(distances, candidates)) {
    const silhouette = silhouetteOf(distances, labels);
    if (silhouette >= rules.silhouetteMin && silhouette > (best.silhouette ?? -1))
      best = { labels, groups, silhouette };
  }
  return best;
}

/** Each dimension with mean 0 and deviation 1; what is not known is the mean. */
function standardised(points: readonly Float64Array[]): Float64Array[] {
  const length = points[0]?.length ?? 0;
  const out = points.map(() => new Float64Array(length));
  for (let d = 0; d < length; d += 1) {
    const known = points.map((point) => point[d] ?? Number.NaN).filter((value) => Number.isFinite(value));
    const mean = known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length);
    const deviation = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, known.length));
    points.forEach((point, i) => {
      const value = point[d] ?? Number.NaN;
      const target = out[i];
      if (target) target[d] = Number.isFinite(value) && deviation > 1e-9 ? (value - mean) / deviation : 0;
    });
  }
  return out;
}

function distancesOf(points: readonly Float64Array[]): Float64Array[] {
  return points.map((a) =>
    Float64Array.from(points, (b) => Math.sqrt(a.reduce((sum, value, d) => sum + (value - (b[d] ?? 0)) ** 2, 0))),
  );
}

/** Joins the two nearest groups again and again; resolves to the labels at each wanted number of groups. */
function linkage(distances: readonly Float64Array[], wanted: readonly number[]): Map<number, number[]> {
  const between = distances.map((row) => Float64Array.from(row));
  const members = distances.map((_, i) => [i]);
  const alive = new Set(distances.keys());
  const found = new Map<number, number[]>();
  const note = () => {
    if (wanted.includes(alive.size)) found.set(alive.size, labelsOf(members, alive, distances.length));
  };
  note();
  while (alive.size > 1) {
    const [a, b] = nearest(between, alive);
    const [rowA, rowB] = [between[a], between[b]];
    const [ofA, ofB] = [members[a] ?? [], members[b] ?? []];
    if (!rowA || !rowB) break;
    for (const other of alive) {
      const joined = ((rowA[other] ?? 0) * ofA.length + (rowB[other] ?? 0) * ofB.length) / (ofA.length + ofB.length);
      rowA[other] = joined;
      const row = between[other];
      if (row) row[a] = joined;
    }
    members[a] = [...ofA, ...ofB];
    alive.delete(b);
    note();
  }
  return found;
}

function nearest(between: readonly Float64Array[], alive: ReadonlySet<number>): [number, number] {
  let [best, a, b] = [Number.POSITIVE_INFINITY, 0, 0];
  const ids = [...alive];
  ids.forEach((i, at) => {
    const row = between[i];
    for (let k = at + 1; k < ids.length; k += 1) {
      const j = ids[k] ?? 0;
      const distance = row?.[j] ?? Number.POSITIVE_INFINITY;
      if (distance < best) [best, a, b] = [distance, i, j];
    }
  });
  return [a, b];
}

function labelsOf(members: readonly number[][], alive: ReadonlySet<number>, count: number): number[] {
  const group = new Array<number>(count).fill(0);
  for (const id of alive) for (const point of members[id] ?? []) group[point] = id;
  const order = new Map<number, number>();
  return group.map((id) => {
    const label = order.get(id) ?? order.size;
    order.set(id, label);
    return label;
  });
}

function silhouetteOf(distances: readonly Float64Array[], labels: readonly number[]): number {
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  let total = 0;
  labels.forEach((own, i) => {
    const sums = new Map<number, number>();
    labels.forEach((label, j) => {
      sums.set(label, (sums.get(label) ?? 0) + (distances[i]?.[j] ?? 0));
    });
    const size = sizes.get(own) ?? 1;
    // A group of one has no inside.
    if (size === 1) return;
    const inside = (sums.get(own) ?? 0) / (size - 1);
    let outside = Number.POSITIVE_INFINITY;
    for (const [label, sum] of sums) if (label !== own) outside = Math.min(outside, sum / (sizes.get(label) ?? 1));
    total += (outside - inside) / Math.max(inside, outside, 1e-9);
  });
  return total / labels.length;
}
