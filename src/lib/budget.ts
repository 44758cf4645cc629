/**
 * A budget of octets that many share: what is being received over all connections of a worker, say. Each taker asks before
 * it holds more and gives back what it took; who is refused tells its peer to come later. Pure counting, no waiting: a
 * connection that waited for others' memory would hold its own meanwhile.
 */
export interface Budget {
  /** False when there is not so much left: nothing was taken. */
  take(octets: number): boolean;
  /** What was taken, when it is no longer held. */
  give(octets: number): void;
  readonly takenOctets: number;
  readonly octetsMax: number;
}

export function createBudget(octetsMax: number): Budget {
  let takenOctets = 0;
  return {
    octetsMax,
    get takenOctets() {
      return takenOctets;
    },
    take(octets) {
      check(octets);
      if (octets > octetsMax - takenOctets) return false;
      takenOctets += octets;
      return true;
    },
    give(octets) {
      check(octets);
      // More than was taken would let others take what is not there.
      if (octets > takenOctets) throw new RangeError(`${octets} octets given back of ${takenOctets} taken`);
      takenOctets -= octets;
    },
  };
}

function check(octets: number): void {
  if (!Number.isSafeInteger(octets) || octets < 0) throw new RangeError(`not a number of octets: ${octets}`);
}
