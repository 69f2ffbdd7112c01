import type { StepDuration } from '@holdfast/protocol';
import { stepTitle } from '../asset/asset-view.ts';
import { shortTime } from './processing.ts';

export function Durations({ items }: { items: readonly StepDuration[] }) {
  return (
    <section className="section" aria-labelledby="durations-title">
      <div className="section-head">
        <h2 id="durations-title">How long steps take</h2>
        <p className="quiet">Last 7 days</p>
      </div>
      {items.length === 0 ? (
        <p className="empty">No step has succeeded in that time.</p>
      ) : (
        <div className="panel">
          <table className="durations">
            <thead>
              <tr>
                <th scope="col">Step</th>
                <th scope="col">Count</th>
                <th scope="col">Median</th>
                <th scope="col" className="wide-only">
                  95 % within
                </th>
                <th scope="col">Longest</th>
                <th scope="col" className="wide-only">
                  In all
                </th>
                <th scope="col" className="wide-only">
                  Waited (median)
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((one) => (
                <tr key={`${one.step} ${one.version}`}>
                  <th scope="row">
                    {stepTitle(one.step)} <span className="quiet">{one.version}</span>
                  </th>
                  <td>{one.count.toLocaleString()}</td>
                  <td>{shortTime(one.medianMs)}</td>
                  <td className="wide-only">{shortTime(one.p95Ms)}</td>
                  <td>{shortTime(one.maxMs)}</td>
                  <td className="wide-only">{shortTime(one.totalMs)}</td>
                  <td className="wide-only">{shortTime(one.medianWaitMs)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
