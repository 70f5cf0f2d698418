#!/usr/bin/env bash
# Annual returns of a series with missing days: backtesting 0.6.6, vectorbt 1.2.0 and quantstats 0.0.86 count rows, not
# the days of the index that they are given. A delisted month, a dead exchange or an import with holes makes the same
# money look like more per year. backtesting shows two annual returns that differ in one table, and "Return (Ann.)" is
# the wrong one. quantstats also takes 252 rows for a year, on markets that never close. ffn 1.4.1 is right.
#
# Expected: 10.2 % a year, because the price rises by that over ten calendar years, of which two in five days are
# missing. Seen on 2026-12-01, Python 3.11, Linux:
#   calendar                  10.2
#   ffn cagr                  10.2
#   backtesting CAGR          10.2
#   backtesting Return (Ann.) 17.7
#   vectorbt                  17.8
#   quantstats                11.9
#   quantstats periods=365    17.8
# The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    backtesting==0.6.6 vectorbt==1.2.0 quantstats==0.0.86 ffn==1.4.1 pandas==3.1.1 numpy==2.4.6
cat >"$folder/annual.py" <<'PROGRAM'
import ffn
import numpy as np
import pandas as pd
import quantstats
import vectorbt
from backtesting import Backtest, Strategy

days = pd.date_range("2015-01-01", "2024-12-31", freq="D")
number = np.arange(len(days))
whole = pd.Series(100 * 1.1 ** (number / 365.25) * np.exp(0.02 * np.sin(number)), index=days)
is_kept = np.random.default_rng(1).random(len(days)) > 0.4
is_kept[[0, -1]] = True
price = whole[is_kept]
returns = price.pct_change().dropna()


class BuyAndHold(Strategy):
    def init(self):
        pass

    def next(self):
        if not self.position:
            self.buy()


def show(name, share):
    print(name.ljust(25), f"{100 * share:.1f}")


years = (days[-1] - days[0]).days / 365.25
show("calendar", (price.iloc[-1] / price.iloc[0]) ** (1 / years) - 1)
show("ffn cagr", ffn.calc_stats(price).cagr)
bars = pd.DataFrame({name: price for name in ("Open", "High", "Low", "Close")}).assign(Volume=1.0)
table = Backtest(bars, BuyAndHold, cash=1_000_000, finalize_trades=True).run()
show("backtesting CAGR", table["CAGR [%]"] / 100)
show("backtesting Return (Ann.)", table["Return (Ann.) [%]"] / 100)
show("vectorbt", vectorbt.Portfolio.from_holding(price, freq="1D").annualized_return())
show("quantstats", quantstats.stats.cagr(returns))
show("quantstats periods=365", quantstats.stats.cagr(returns, periods=365))
PROGRAM
(cd "$folder" && env/bin/python annual.py 2>/dev/null) | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
calendar                  10.2
ffn cagr                  10.2
backtesting CAGR          10.2
backtesting Return (Ann.) 17.7
vectorbt                  17.8
quantstats                11.9
quantstats periods=365    17.8
SEEN
