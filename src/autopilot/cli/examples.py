"""Examples for the help of each command. A test parses every line of them."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": ("start", "status", "explain BTC/USD", "stop"),
    "start": ("start --exchange simulated", "start --symbol BTC/USD --symbol ETH/USD --auto-execute"),
    "stop": ("stop", "stop --symbol BTC/USD --flatten"),
    "restart": ("restart", "restart --json"),
    "exit": ("exit BTC/USD", "exit BTC/USD --quantity 0.05"),
    "pause": ("pause", "pause --exchange kraken"),
    "resume": ("resume", "resume --exchange kraken"),
    "panic": ("panic", "panic --flatten"),
    "status": ("status", "status BTC/USD", "status --watch", "status --check"),
    "signals": ("signals --symbol BTC/USD", "signals --follow"),
    "explain": ("explain", "explain BTC/USD", "explain 3f2a9c01de"),
    "decisions": ("decisions --action denied --limit 50", "decisions --symbol BTC/USD --since 7d --json"),
    "orders": ("orders --open", "orders --symbol BTC/USD --since 2024-01-01 --before 2024-02-01"),
    "positions": ("positions", "positions --json"),
    "trades": ("trades --limit 100", "trades --symbol BTC/USD"),
    "performance": ("performance", "performance --json"),
    "retrain": ("retrain --days 1095", "retrain --symbol BTC/USD --detach", 'retrain --schedule "0 3 * * 0"'),
    "tasks": ("tasks", "tasks 1f3a9c2b", "tasks cancel 1f3a9c2b"),
    "model-info": ("model-info", "model-info --full", "model-info m-20240630-1f3a9c2b"),
    "models": ("models list", "models diff m-20240630-1f3a9c2b m-20240730-77aa0c11"),
    "models list": ("models list", "models list --json"),
    "models show": ("models show m-20240630-1f3a9c2b",),
    "models diff": ("models diff m-20240630-1f3a9c2b m-20240730-77aa0c11",),
    "models promote": ("models promote m-20240730-77aa0c11",),
    "models rollback": ("models rollback",),
    "reset-model": ("reset-model",),
    "backtest": (
        "backtest --symbol BTC/USD --days 365 --html report.html",
        "backtest --exchange kraken --from 2023-01-01 --to 2024-01-01",
        "backtest --strategy macd --no-model",
    ),
    "backtest check": ("backtest check", "backtest check --json"),
    "sweep": ("sweep --strategy macd --days 365", "sweep --param risk.risk_per_trade_pct=0.5..2 --tries 30"),
    "report": ("report", "report --days 30 --html report.html"),
    "parity": ("parity --days 7",),
    "keys": ("keys add kraken", "keys list"),
    "keys add": ("keys add kraken", "keys add coinbase --secret-file coinbase.pem"),
    "keys rotate": ("keys rotate kraken",),
    "keys remove": ("keys remove kraken",),
    "keys list": ("keys list", "keys list --json"),
    "keys passphrase": ("keys passphrase",),
    "arm": ("arm --exchange kraken --max-value 500", "arm --max-value 500 --currency EUR --expires 12h"),
    "disarm": ("disarm", "disarm --exchange kraken"),
    "audit": ("audit show --kind order", "audit verify"),
    "audit show": ("audit show --limit 100", "audit show --kind command --json"),
    "audit verify": ("audit verify",),
    "data": ("data import KRAKEN_BTC-USD_1h.csv.gz", "data list", "data verify"),
    "data import": (
        "data import KRAKEN_BTC-USD_1h.csv.gz",
        "data import b.csv --exchange kraken --symbol BTC/EUR",
        "data import KRAKEN_BTC-USD_1h.json --layout kraken",
        "data import --sentiment index.csv",
    ),
    "data export": ("data export KRAKEN_BTC-USD_1h.csv.gz", "data export btc.json --symbol BTC/USD --timeframe 1h"),
    "data list": ("data list", "data list --json"),
    "data rename": ("data rename --exchange b --symbol BTCB/USD --to-symbol BTC/BUSD",),
    "data delete": ("data delete --exchange kraken --symbol FD/USD", "data delete --exchange b --symbol BTC/USD --yes"),
    "data verify": ("data verify --exchange kraken --symbol BTC/USD",),
    "init": ("init", "--config my.toml init"),
    "config": ("config show --origin", "config set risk.max_drawdown_pct 15"),
    "config show": ("config show", "config show --origin"),
    "config get": ("config get risk.max_drawdown_pct",),
    "config set": (
        "config set risk.max_drawdown_pct 15",
        "config set symbols BTC/USD,ETH/USD",
        "config set interval --unset",
    ),
    "config path": ("config path", "config path --json"),
    "config validate": ("config validate",),
    "daemon": ("daemon", "--data-dir /var/lib/autopilot daemon"),
    "demo": ("demo", "demo --data candles"),
}
"""By the words of the command, each without the leading ``autopilot``."""


def examples_of(command: str) -> str:
    """The examples as an epilog of the help; empty where there are none. The mark prevents joined lines."""
    lines = [f"  autopilot {example}" for example in EXAMPLES.get(command, ())]
    return "\n".join(["\b", "Examples:", *lines]) if lines else ""
