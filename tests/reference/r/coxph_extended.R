# Cox models with strata, case weights, clusters, ridge penalty, factors and restricted cubic
# splines. Of each model is asked: formula, ties, and where it has them the columns `weights` and
# `cluster` and the penalty `theta` (of survival::ridge on columns scaled to unit variance).
suppressPackageStartupMessages(library(rms))

.rows <- 20

.fitted <- function(m, data) {
  formula <- as.formula(m$formula)
  if (!is.null(m$theta)) {
    terms <- attr(terms(formula), "term.labels")
    penalised <- sprintf("ridge(%s, theta = %s, scale = TRUE)", paste(terms, collapse = ", "), m$theta)
    formula <- as.formula(paste(deparse(formula[[2]]), "~", penalised))
  }
  arguments <- list(formula, data = data, ties = m$ties, x = TRUE, y = TRUE, model = TRUE,
                    control = coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-14))
  if (!is.null(m$weights)) arguments$weights <- data[[m$weights]]
  if (!is.null(m$cluster)) arguments$cluster <- data[[m$cluster]]
  do.call(coxph, arguments)
}

# Cumulative hazard at x = 0, by stratum, at the quintiles of the death times.
.baseline <- function(fit, data, formula) {
  surv <- eval(as.formula(formula)[[2]], data)
  times <- as.numeric(quantile(surv[surv[, 2] == 1, 1], 1:4 / 5, type = 1))
  b <- basehaz(fit, centered = FALSE)
  if (is.null(b$strata)) b$strata <- "all"
  steps <- lapply(split(b, as.character(b$strata)), function(one)
    stepfun(one$time, c(0, one$hazard))(times))
  list(times = times, cumulative_hazard = unname(steps[unique(as.character(b$strata))]))
}

.residuals <- function(fit) {
  first <- function(v) if (is.matrix(v)) unname(head(v, .rows)) else matrix(head(unname(v), .rows))
  out <- list(martingale = head(unname(residuals(fit, "martingale")), .rows),
              deviance = head(unname(residuals(fit, "deviance")), .rows))
  for (type in c("score", "dfbeta", "schoenfeld", "scaledsch"))
    out[[type]] <- first(residuals(fit, type))
  out
}

.zph <- function(fit) {
  one <- function(transform) {
    z <- cox.zph(fit, transform = transform)$table
    list(chisq = unname(z[, 1]), df = unname(z[, 2]), p = unname(z[, 3]))
  }
  list(km = one("km"), identity = one("identity"))
}

# The axes over the range of the data: values and points of the splines.
.axes <- function(fit, data) {
  .GlobalEnv$dd <- datadist(data); options(datadist = "dd")
  along <- sapply(fit$Design$name, function(n) pretty(range(data[[n]]), n = 10), simplify = FALSE)
  drawn <- do.call(nomogram, c(list(fit, lp = FALSE), along))
  sapply(names(fit$Design$parms), function(name) {
    axis <- drawn[[name]]
    list(values = as.numeric(axis[[name]]), points = unname(axis$points))
  }, simplify = FALSE)
}

.nonlinear <- function(m, data) {
  fit <- cph(as.formula(m$formula), data = data, method = m$ties, eps = 1e-13, x = TRUE, y = TRUE)
  a <- anova(fit)
  rows <- which(trimws(rownames(a)) == "Nonlinear")
  list(knots = unname(lapply(fit$Design$parms, as.numeric)), chisq = unname(a[rows, 1]),
       df = unname(a[rows, 2]),
       p = unname(pchisq(a[rows, 1], a[rows, 2], lower.tail = FALSE)), nomogram = .axes(fit, data))
}

.model <- function(m, data) {
  fit <- .fitted(m, data)
  naive <- if (is.null(fit$naive.var)) fit$var else fit$naive.var
  s <- summary(fit)
  out <- c(m[c("formula", "ties")], m[intersect(names(m), c("weights", "cluster", "theta"))])
  out$coef <- as.list(unname(coef(fit)))
  out$naive_var <- unname(as.matrix(naive))
  if (!is.null(fit$naive.var)) out$robust_var <- unname(as.matrix(fit$var))
  out$loglik <- fit$loglik
  out$n <- fit$n; out$nevent <- fit$nevent
  if (!is.null(m$theta)) { out$df <- sum(fit$df); return(out) }
  out$wald <- as.numeric(fit$wald.test); out$score <- as.numeric(fit$score)
  out$lr <- unname(s$logtest[1])
  if (!is.null(fit$rscore)) out$rscore <- as.numeric(fit$rscore)
  out$baseline <- .baseline(fit, data, m$formula)
  if (m$ties == "exact") return(out)
  out$residuals <- .residuals(fit)
  out$concordance <- list(C = unname(fit$concordance["concordance"]), se = unname(fit$concordance["std"]))
  out$cox_zph <- .zph(fit)
  if (grepl("rcs(", m$formula, fixed = TRUE)) out$nonlinear <- .nonlinear(m, data)
  out
}

answer <- function(folder, set, asked) {
  data <- read.csv(file.path(folder, asked$input), check.names = FALSE)
  data[] <- lapply(data, function(v) if (is.integer(v)) as.numeric(v) else v)  # for cox.zph
  list(dataset = set, input = asked$input, quantity = "coxph_extended",
       meta = versions(c("survival", "rms")),
       note = paste("coxph(eps = 1e-13); weights and cluster are columns; theta is ridge(scale = TRUE);",
                    "residuals of the first 20 patients or deaths; baseline at x = 0"),
       models = lapply(asked$models, .model, data = data))
}
